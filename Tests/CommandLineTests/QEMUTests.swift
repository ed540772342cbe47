// `dormouse qemu`: command lines of qemu-system-aarch64, as tools write them and as they must not be.
//
// What a machine comes of them is seen by -explain; that it runs is in the end-to-end tests and at the end.

import TestSupport
import Testing

@Suite("QEMU's command line")
struct QEMUTests {
    private func explain(_ options: String...) async throws -> Finished {
        try await Command.run(["qemu", "-explain"] + options)
    }

    private func words(_ options: String...) async throws -> String {
        let result = try await Command.run(["qemu", "-explain"] + options)
        #expect(result.exitCode == 1)
        #expect(result.output == "")
        #expect(result.errorLines.count == 1)
        return result.errorLines.last ?? ""
    }

    // MARK: Tools

    @Test("KUnit's, of kunit.py and its qemu_configs/arm64.py")
    func kunit() async throws {
        let result = try await explain(
            "-nodefaults", "-m", "1024", "-kernel", ".kunit/arch/arm64/boot/Image.gz", "-append",
            "console=ttyAMA0 kunit.enable=1", "-no-reboot", "-nographic", "-accel", "kvm", "-accel", "hvf", "-accel",
            "tcg", "-serial", "stdio", "-machine", "virt", "-cpu", "cortex-a57")
        #expect(result.exitCode == 0)
        for line in [
            "cpus = 1", "memory = '1024M'", "append = 'console=ttyAMA0 kunit.enable=1'",
            "kernel = '.kunit/arch/arm64/boot/Image.gz'",
        ] { #expect(result.output.contains(line), "\(line)") }
        #expect(result.errorLines.count == 1)
        #expect(result.error.contains("-cpu cortex-a57: the CPU is "))
    }

    @Test("vmtest.sh's of BPF, with a drive at an index")
    func vmtest() async throws {
        let result = try await explain(
            "-nodefaults", "-display", "none", "-serial", "mon:stdio", "-M", "virt,gic-version=3", "-smp", "8", "-m",
            "4G", "-drive", "file=root.img,format=raw,index=1,media=disk,if=virtio,cache=none", "-kernel", "Image",
            "-append", "root=/dev/vda rw console=ttyAMA0,115200")
        #expect(result.exitCode == 0)
        for line in ["cpus = 8", "memory = '4096M'", "path = 'root.img'", "format = 'raw'"] {
            #expect(result.output.contains(line), "\(line)")
        }
        #expect(result.error == "")
    }

    @Test("boot-qemu.py's of ClangBuiltLinux, which wants EL2 and gets a word")
    func clangBuiltLinux() async throws {
        let result = try await explain(
            "-display", "none", "-nodefaults", "-cpu", "max,pauth-impdef=true", "-machine",
            "virt,gic-version=max,virtualization=true", "-append", "console=ttyAMA0 earlycon", "-kernel", "Image",
            "-initrd", "rootfs.cpio", "-m", "512m", "-smp", "2", "-serial", "mon:stdio")
        #expect(result.exitCode == 0)
        #expect(result.output.contains("initrd = 'rootfs.cpio'"))
        #expect(result.error.contains("virtualization=on: the guest starts in EL1"))
    }

    @Test("tuxrun's, with LAVA's words for a card and a disk")
    func tuxrun() async throws {
        let result = try await explain(
            "-cpu", "max,pauth-impdef=on", "-machine", "virt,virtualization=on,gic-version=3,mte=on", "-nographic",
            "-net", "nic,model=virtio,macaddr=52:54:00:12:34:58", "-net", "user", "-m", "4G", "-monitor", "none",
            "-no-reboot", "-smp", "2", "-kernel", "Image", "-append", "console=ttyAMA0,115200 root=/dev/vda", "-drive",
            "file=rootfs.ext4,format=raw,id=hd0,if=virtio")
        #expect(result.exitCode == 0)
        #expect(result.output.contains("mac = '52:54:00:12:34:58'"))
        #expect(result.output.contains("path = 'rootfs.ext4'"))
    }

    @Test("Ports of the host are forwarded, on every address unless one is said, as many as there are")
    func forwards() async throws {
        let result = try await explain(
            "-kernel", "Image", "-nic",
            "user,hostfwd=tcp:127.0.0.1:2222-:22,hostfwd=udp::53-10.0.2.15:5353,hostfwd=::80-:80")
        #expect(result.exitCode == 0)
        #expect(
            result.output.contains(
                "forward = [ 'tcp:127.0.0.1:2222:22', 'udp:0.0.0.0:53:5353', 'tcp:0.0.0.0:80:80' ]"))
    }

    @Test("Devices that name their drive and network are attached in their order; PCI becomes virtio-mmio, once said")
    func devices() async throws {
        let result = try await explain(
            "-kernel", "Image", "-device", "virtio-blk-pci,drive=b,bootindex=1", "-device",
            "virtio-blk-device,drive=a", "-drive", "if=none,id=a,file=a,,1.img,readonly=on", "-drive",
            "if=none,id=b,file=b.img,werror=stop", "-netdev", "stream,id=n,addr.type=unix,addr.path=/run/p", "-device",
            "virtio-net-device,netdev=n,mac=52:54:00:00:00:01", "-object", "rng-random,filename=/dev/urandom,id=r",
            "-device", "virtio-rng-device,rng=r")
        #expect(result.exitCode == 0)
        let output = result.output
        let first = try #require(output.firstRange(of: "path = 'b.img'"))
        let second = try #require(output.firstRange(of: "path = 'a,1.img'"))
        #expect(first.lowerBound < second.lowerBound)
        #expect(output.contains("readonly = true") && output.contains("on-error = 'stop'"))
        #expect(output.contains("/run/p"))
        #expect(result.errorLines.count == 1)
        #expect(result.error.contains("virtio-blk-pci: there is no PCI"))
    }

    @Test("syzkaller's network: a port is forwarded, and an address that passt does not give is said")
    func syzkaller() async throws {
        let result = try await explain(
            "-m", "2048", "-smp", "2", "-display", "none", "-serial", "stdio", "-no-reboot", "-name", "VM-0", "-device",
            "virtio-rng-pci", "-machine", "virt,virtualization=on", "-cpu", "cortex-a57", "-accel", "tcg,thread=multi",
            "-device", "virtio-net-pci,netdev=net0", "-netdev",
            "user,id=net0,host=10.0.2.10,hostfwd=tcp:127.0.0.1:10022-:22", "-hda", "image", "-kernel",
            "Image", "-append", "root=/dev/vda console=ttyAMA0")
        #expect(result.exitCode == 0, "\(result.error)")
        #expect(result.output.contains("127.0.0.1:10022"), "\(result.output)")
        #expect(result.error.contains("host=10.0.2.10: the guest's addresses are those that passt gives it"))
    }

    @Test("A disk is taken in the format that is said, from -drive and from mkosi's -blockdev")
    func formats() async throws {
        let result = try await explain(
            "-kernel", "Image", "-drive", "file=a.qcow2,format=qcow2,cache=unsafe,discard=unmap,if=virtio", "-blockdev",
            "driver=qcow2,node-name=mkosi,discard=unmap,file.driver=file,file.filename=b,,c.qcow2,file.aio=io_uring,"
                + "cache.direct=yes,cache.no-flush=yes,read-only=on", "-device",
            "virtio-blk-device,drive=mkosi,bootindex=1",
            "-snapshot")
        #expect(result.exitCode == 0, "\(result.error)")
        #expect(result.output.ranges(of: "format = 'qcow2'").count == 2)
        #expect(result.output.contains("path = 'a.qcow2'") && result.output.contains("path = 'b,c.qcow2'"))
        #expect(result.output.contains("readonly = true"))
    }

    @Test("boot-qemu.py's with --efi, and autopkgtest's flash, are UEFI on virt-2, with a file for its variables")
    func firmware() async throws {
        let efi = try await explain(
            "-display", "none", "-nodefaults", "-drive", "if=pflash,format=raw,file=edk2-aarch64-code.fd,readonly=on",
            "-drive", "if=pflash,format=raw,file=images/arm64/efivars.img", "-object",
            "rng-random,filename=/dev/urandom,id=rng0", "-device", "virtio-rng-pci", "-cpu", "max,pauth-impdef=true",
            "-machine", "virt,gic-version=max,virtualization=true", "-append", "console=ttyAMA0 earlycon", "-kernel",
            "Image.gz", "-initrd", "rootfs.cpio", "-m", "512m", "-serial", "mon:stdio")
        #expect(efi.exitCode == 0)
        for line in ["model = 'virt-2'", "edk2-aarch64-code.fd", "kernel = 'Image.gz'"] {
            #expect(efi.output.contains(line), "\(line): \(efi.output)")
        }
        #expect(efi.error.contains("images/arm64/efivars.img"))
        let autopkgtest = try await explain(
            "-machine", "virt", "-cpu", "cortex-a53", "-m", "1024", "-smp", "1", "-nographic", "-object",
            "rng-random,filename=/dev/urandom,id=rng0", "-device", "virtio-rng-pci,rng=rng0,id=rng-device0",
            "-monitor", "unix:/nowhere/monitor,server=on,wait=off", "-drive",
            "index=0,file=overlay,cache=unsafe,if=virtio,discard=unmap,format=raw", "-drive",
            "if=pflash,format=raw,unit=0,read-only=on,file=/usr/share/AAVMF/AAVMF_CODE.fd", "-drive",
            "if=pflash,format=raw,unit=1,file=/nowhere/efivars.fd")
        #expect(autopkgtest.exitCode == 0)
        for line in ["model = 'virt-2'", "/usr/share/AAVMF/AAVMF_CODE.fd", "path = 'overlay'"] {
            #expect(autopkgtest.output.contains(line), "\(line): \(autopkgtest.output)")
        }
        #expect(!autopkgtest.output.contains("kernel ="))
        let bios = try await explain(
            "-bios", "./F.fd", "-M", "virt,acpi=off", "-m", "512", "-smbios",
            "type=1,uuid=01234567-89ab-cdef-0123-456789abcdef")
        #expect(bios.output.contains("./F.fd") && bios.output.contains("dt"))
        #expect(bios.output.contains("01234567-89ab-cdef-0123-456789abcdef"))
        let pflash = try await explain("-pflash", "a.fd", "-pflash", "b.fd", "-m", "512")
        #expect(pflash.output.contains("a.fd") && pflash.error.contains("b.fd"))
    }

    // MARK: Syntax

    @Test("Two dashes are one, a disk needs no option, and memory has QEMU's default and units")
    func syntax() async throws {
        #expect(try await explain("--kernel", "Image", "disk.img").output.contains("path = 'disk.img'"))
        #expect(try await explain("-kernel", "Image").output.contains("memory = '128M'"))
        #expect(try await explain("-kernel", "Image", "-m", "size=2g").output.contains("memory = '2048M'"))
        #expect(try await explain("-kernel", "Image", "-m", "1048576k").output.contains("memory = '1024M'"))
        #expect(try await explain("-kernel", "I", "-smp", "sockets=1,cores=2,threads=2").output.contains("cpus = 4"))
        #expect(try await explain("-kernel", "I", "-append", "-x --y").output.contains("append = '-x --y'"))
    }

    @Test("What Dormouse has besides is said with its own options")
    func ours() async throws {
        let result = try await explain("-kernel", "Image", "-psci-version", "1.1", "-model", "virt-2")
        #expect(result.output.contains("model = 'virt-2'"))
        #expect(result.output.contains("version = '1.1'"))
    }

    @Test(
        "What cannot be had is one line that names it",
        arguments: [
            (["-kernal", "I"], "-kernal is no option that Dormouse knows; do you mean -kernel?"),
            (["-kernel"], "-kernel needs a value behind it"),
            (["-m", "1G"], "-kernel is missing"),
            (["-kernel", "I", "-gdb", "stdio"], "-gdb stdio is not to be had; say tcp:HOST:PORT or unix:PATH"),
            (["-kernel", "I", "-gdb", "tcp:1234:"], "-gdb  is no port"),
            (["-kernel", "I", "-gdb", "chardev:x"], "-gdb chardev:x is not to be found"),
            (["-kernel", "I", "-trace", "x"], "-trace is not taken yet"),
            (["-kernel", "I", "-semihosting-config", "target=gdb"], "target=gdb is not to be had; say native or auto"),
            (["-kernel", "I", "-semihosting-config", "userspace=on"], "userspace=on is not to be had"),
            (["-kernel", "I", "-semihosting-config", "enable=on,foo=1"], "-semihosting-config foo=1 is not taken"),
            (["-kernel", "I", "-enable-kvm"], "-enable-kvm is not taken: Dormouse has a CPU of its own"),
            (["-kernel", "I", "-accel", "kvm"], "-accel kvm is not to be had"),
            (["-kernel", "I", "-M", "raspi3b"], "-machine raspi3b is not to be had"),
            (["-kernel", "I", "-M", "virt,gic-version=2"], "gic-version=2 is not to be had"),
            (["-kernel", "I", "-M", "virt,foo"], "-machine foo is not taken"),
            (["-kernel", "I", "-cpu", "cortex-a8"], "-cpu cortex-a8 is not to be had"),
            (["-kernel", "I", "-smp", "0"], "-smp cpus=0 is no number"),
            (["-kernel", "I", "-smp", "sockets=4294967296,cores=4294967296"], "too many"),
            (["-kernel", "I", "-m", "lots"], "-m lots is no size"),
            (["-kernel", "I", "-m", "99999999999999999999"], "is no size"),
            (["-kernel", "I", "-drive", "format=raw"], "-drive needs file="),
            (["-kernel", "I", "-drive", "file=a,format=vmdk"], "format=vmdk is not to be had"),
            (["-kernel", "I", "-drive", "file=a,,"], nil),
            (["-kernel", "I", "-blockdev", "driver=vmdk,node-name=a"], "-blockdev needs driver=raw or driver=qcow2"),
            (["-kernel", "I", "-blockdev", "driver=raw,node-name=a,file=b"], "-blockdev needs file.filename="),
            (["-kernel", "I", "-blockdev", "driver=raw,file.filename=b"], "-blockdev needs a node-name="),
            (
                ["-kernel", "I", "-blockdev", "driver=raw,node-name=a,file.filename=b,file.driver=nbd"],
                "file.driver=nbd is not to be had"
            ),
            (
                ["-kernel", "I", "-blockdev", "driver=raw,node-name=a,file.filename=b,throttling=x"],
                "-blockdev throttling=x is not taken"
            ),
            (
                ["-kernel", "I", "-blockdev", "driver=raw,node-name=a,file.filename=b"],
                "a is not the drive of any device"
            ),
            (["-kernel", "I", "-drive", "file=a,"], "-drive has an empty part"),
            (["-kernel", "I", "-drive", "file=a,if=none,id=x"], "-drive x is not the drive of any device"),
            (["-kernel", "I", "-drive", "file=a,index=0", "-hda", "b"], "index=0 is given to two disks"),
            (["-kernel", "I", "-drive", "file=a,readonly=maybe"], "readonly=maybe: say on or off"),
            (["-kernel", "I", "-device", "virtio-blk-device,drive=x"], "drive=x is not to be found"),
            (["-kernel", "I", "-device", "e1000"], "-device e1000 is not to be had"),
            (["-kernel", "I", "-device", "virtio-net-device,netdev=x"], "netdev=x is not to be found"),
            (["-kernel", "I", "-netdev", "user,id=n"], "-netdev n belongs to no device"),
            (["-kernel", "I", "-netdev", "socket,id=n,connect=:1"], "-netdev socket is not to be had"),
            (["-kernel", "I", "-nic", "user,hostfwd=tcp::22"], "hostfwd=tcp::22 is not to be had"),
            (["-kernel", "I", "-nic", "user,hostfwd=tcp::22-10.0.2.99:22"], "is not to be had"),
            (["-kernel", "I", "-nic", "user,model=e1000"], "model=e1000 is not to be had"),
            (["-kernel", "I", "-serial", "vc"], "-serial vc is not to be had"),
            (["-kernel", "I", "-serial", "stdio", "-serial", "null"], "-serial is given twice"),
            (["-kernel", "I", "-icount", "shift=7"], "shift=7 is not to be had"),
            (["-kernel", "I", "-psci-version", "7"], "psci-version"),
            (["-drive", "if=pflash,file=a,unit=2"], "-drive unit=2 is no flash"),
            (
                ["-drive", "if=pflash,file=a,unit=0", "-drive", "if=pflash,file=b,unit=0"],
                "unit=0 is given to two files"
            ),
            (["-drive", "if=pflash,file=a,unit=1"], "give the code too, as unit=0"),
            (["-bios", "a", "-drive", "if=pflash,file=b,unit=1,readonly=on"], "variables are written"),
            (["-bios", "a", "-drive", "if=pflash,file=b,unit=0"], "both the firmware's code"),
            (["-bios", "a", "-drive", "if=pflash,unit=0"], "if=pflash needs file="),
            (["-bios", "a", "-drive", "if=pflash,unit=0,file=b,format=qcow2"], "format=qcow2 is not to be had"),
            (["-pflash", "a", "-pflash", "b", "-pflash", "c"], "-pflash c is one flash too many"),
            (["-kernel", "I", "-smbios", "type=0,vendor=x"], "-smbios type=0 is not to be had"),
            (["-kernel", "I", "-smbios", "file=x"], "-smbios needs type="),
            (["-kernel", "I", "-smbios", "type=1,uuid=1"], "-smbios 1 is no UUID"),
            (["-kernel", "I", "-smbios", "type=1,serial=1"], "-smbios serial=1 is not taken"),
        ] as [([String], String?)])
    func refused(options: [String], expected: String?) async throws {
        let result = try await Command.run(["qemu", "-explain"] + options)
        guard let expected else {
            #expect(result.exitCode == 0)
            return
        }
        #expect(result.exitCode == 1)
        #expect(result.output == "")
        #expect(result.errorLines.count == 1)
        #expect(result.error.hasPrefix("dormouse: ") && result.error.contains(expected), "\(result.error)")
    }

    @Test("Command lines at random are taken, or are errors of one line")
    func random() async throws {
        var generator = SystemRandomNumberGenerator()
        let words = [
            "-kernel", "Image", "-drive", "file=a", "if=none", ",", ",,", "=", "id=x", "-device", "virtio-blk-device",
            "drive=x", "-m", "-smp", "1", "-1", "18446744073709551616", "-netdev", "user", "-nic", "none", "-M", "virt",
            "-serial", "file:", "-net", "nic", "-icount", "auto", "-object", "rng-random", "--", "-", "", "é", "cpus",
        ]
        for _ in 0..<150 {
            let options = (0..<Int.random(in: 1..<12, using: &generator)).map { _ in
                (0..<Int.random(in: 1..<4, using: &generator)).map { _ in words.randomElement()! }.joined(
                    separator: Bool.random(using: &generator) ? "," : "")
            }
            let result = try await Command.run(["qemu", "-explain"] + options)
            #expect(result.exitCode == 0 || result.exitCode == 1, "\(options)")
            #expect(result.exitCode == 0 || result.errorLines.count == 1, "\(options)")
        }
    }

    // MARK: The program

    @Test("Called by QEMU's name it is QEMU, and says a version that tools understand")
    func link() async throws {
        let result = try await Command.shell(
            """
            d=$(mktemp -d) && ln -s "$0" "$d/qemu-system-aarch64" && "$d/qemu-system-aarch64" --version
            "$d/qemu-system-aarch64" -machine help; "$d/qemu-system-aarch64" -kernel I -foo; code=$?
            rm -r "$d"; exit $code
            """)
        #expect(result.exitCode == 1)
        #expect(result.output.hasPrefix("QEMU emulator version 9.2.0 (Dormouse "))
        #expect(result.output.contains("virt "))
        #expect(result.error.contains("-foo is no option that Dormouse knows"))
    }

    @Test(
        "With -daemonize a process goes on in a session of its own when all is ready, and holds nothing of its caller",
        .needs(Guest.areBuilt, Guest.missing), .needs(PythonQMP.isThere, PythonQMP.whyNot),
        arguments: ["qemu", "link"])
    func daemon(name: String) async throws {
        let directory = try TemporaryDirectory()
        // The output ends when nobody has it any more, which a guest that runs for minutes must not have.
        let script = #"""
            cd "$1"; ln -s "$0" qemu-system-aarch64
            if [ "$3" = qemu ]; then set -- "$2" "$0" qemu; else set -- "$2" ./qemu-system-aarch64; fi
            guest=$1; shift
            said=$("$@" -daemonize -display none -m 64 -kernel "$guest" -append seconds=120 -serial file:console \
                -device virtio-serial -chardev pty,id=p -device virtserialport,chardev=p,name=p \
                -pidfile pid -qmp unix:qmp,server=on,wait=off 2>&1)
            echo "code $?"; echo "$said"; pid=$(cat pid)
            kill -0 "$pid" && echo "runs"; set -- $(sed 's/.*) //' "/proc/$pid/stat"); echo "session $(($4 == pid))"
            readlink /proc/$pid/fd/0 /proc/$pid/fd/2; basename $(readlink /proc/$pid/fd/1); stat -c %a pid
            """#
        let result = try await Command.shell(script, directory.path, Guest.idle.path, name)
        let lines = result.output.split(separator: "\n").map(String.init)
        try #require(lines.count == 8, "\(result.output)\(result.error)")
        #expect(lines[0] == "code 0")
        #expect(lines[1].hasPrefix("char device redirected to /dev/pts/"))
        #expect(lines[2...] == ["runs", "session 1", "/dev/null", "/dev/null", "console", "640"])
        let said = try await Command.converse(directory.path + "/qmp", ["query-status", "quit", "."])
        #expect(said.first == #"return {"running": true, "status": "running"}"#)
        let end = try await Command.shell(
            #"while [ -e "$1/pid" ]; do sleep 0.05; done; cat "$1/console""#, directory.path)
        #expect(end.output.contains("idle"))
    }

    @Test("With -daemonize, what is wrong is said by the process that was started, and is its exit code")
    func daemonThatCannotBe() async throws {
        let result = try await Command.run(["qemu", "-daemonize", "-display", "none", "-kernel", "/nowhere/k"])
        #expect(result.exitCode == 1)
        #expect(result.errorLines.count == 1)
        #expect(result.error.contains("/nowhere/k"))
        // Nor does it start one process after the other that take it for the first one.
        for words in [["-handover", "2"], ["-daemonize", "-handover", "x"]] {
            let own = try await Command.run(["qemu", "-display", "none", "-kernel", "/nowhere/k"] + words)
            #expect(own.exitCode == 1 && own.error.contains("-handover is for Dormouse itself"), "\(own.error)")
        }
    }

    @Test(
        "The exit code is QEMU's, or ours if somebody wants it",
        arguments: [("SystemOff2", "0", "40")])
    func exitCodes(guest: String, theirs: String, ours: String) async throws {
        try #require(Guest.areBuilt, Guest.missing)
        let directory = try TemporaryDirectory()
        let script = """
            cd "$1"; "$0" qemu -M virt -nographic -nodefaults -serial file:console -pidfile pid -kernel "$2" -m 128
            a=$?; DORMOUSE_EXIT_CODES=1 "$0" qemu -nographic -kernel "$2" -m 128; echo $a $?; ls
            """
        let result = try await Command.shell(script, directory.path, Guest.systemOff2.path)
        #expect(result.output.contains("\(theirs) \(ours)"))
        #expect(result.output.contains("console"))
        #expect(!result.output.contains("pid"))
        #expect(result.errorLines.last == "dormouse: hibernated")
    }
}

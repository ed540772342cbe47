// The page: the list of VMs, live, and one VM with its console, its life, and what may be done with it.
//
// It asks the server's own requests (docs/serve.md), and shows text as text only. Streams are read by fetch, which can
// send a token, as EventSource cannot.
"use strict";

const byID = (id) => document.getElementById(id);
const state = { name: null, process: null, vms: [], console: null, figures: [], streams: new AbortController() };

// What verbs are called here. Those that need a name or a disk are the command line's.
const titles = {
  start: "Start", hibernate: "Hibernate", stop: "Power off", pause: "Pause", unpause: "Go on", kill: "Kill",
  bump: "Boot clean next time",
  discard: "Discard the hibernation image", "restore-image": "Restore the image", repair: "Repair", remove: "Remove",
};
// What is lost by them is lost.
const asksFirst = new Set(["kill", "discard", "remove"]);
// What may be done after a refusal: the reasons, and what is sent to start.
const ways = [
  ["Resume in the recorded environment", ["refused-environment"], { onChange: "keep" }],
  ["Boot clean", ["refused-environment", "refused-expired"], { fresh: true }],
  ["Boot clean over the changed disk", ["refused-disks"], { fresh: true, acceptDiskChange: true }],
];

// MARK: Requests

function headers(more = {}) {
  const token = sessionStorage.getItem("token");
  return token ? { ...more, Authorization: `Bearer ${token}` } : more;
}

async function ask(method, path, body, signal) {
  const content = body === undefined ? {} : { "Content-Type": "application/json" };
  const reply = await fetch(path, {
    method, headers: headers(content), body: body === undefined ? undefined : JSON.stringify(body), signal,
  });
  if (reply.status === 401) logIn();
  const isJSON = (reply.headers.get("Content-Type") ?? "").includes("json");
  const value = isJSON ? await reply.json() : null;
  if (!reply.ok) throw Object.assign(new Error(value?.detail ?? reply.statusText), { problem: value });
  return value;
}

// Server-sent events of `path`, as [kind, data, id], until the stream ends.
async function* events(path, signal, after) {
  const reply = await fetch(path, { headers: headers(after ? { "Last-Event-ID": after } : {}), signal });
  if (reply.status === 401) logIn();
  if (!reply.ok) throw new Error((await reply.json()).detail);
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s)));
      if (fields.event) yield [fields.event, fields.data, fields.id];
    }
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function logIn() {
  byID("content").hidden = true;
  byID("login").hidden = false;
  byID("token").focus();
}

// MARK: The list

async function readList() {
  state.vms = (await ask("GET", "/v1/vms")).vms;
  byID("login").hidden = true;
  byID("content").hidden = false;
  const focused = document.activeElement?.dataset?.vm;
  byID("list").replaceChildren(...state.vms.map((vm) => {
    const row = document.createElement("tr");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = vm.name;
    button.dataset.vm = vm.name;
    button.onclick = () => show(vm.name);
    if (vm.name === state.name) row.setAttribute("aria-current", "true");
    const cell = row.insertCell();
    cell.append(button);
    const how = row.insertCell();
    how.textContent = vm.state;
    how.dataset.state = vm.state;
    return row;
  }));
  if (focused) byID("list").querySelector(`[data-vm="${CSS.escape(focused)}"]`)?.focus();
  byID("empty").hidden = state.vms.length > 0;
  if (state.name) showVM();
}

// What happens to VMs, for as long as the page is open.
async function follow() {
  let last;
  for (;;) {
    try {
      await readList();
      byID("connection").textContent = "connected";
      const path = last ? "/v1/events" : "/v1/events?from=now";
      for await (const [kind, data, id] of events(path, undefined, last)) {
        last = id ?? last;
        if (kind === "state" && JSON.parse(data).vm === state.name) addToLife(JSON.parse(data));
        await readList();
      }
    } catch (error) {
      byID("connection").textContent = `no connection: ${error.message}`;
    }
    if (!byID("login").hidden) return;
    await pause(2000);
  }
}

// MARK: One VM

function show(name) {
  state.streams.abort();
  state.streams = new AbortController();
  Object.assign(state, { name, process: null, console: null, figures: [] });
  history.replaceState(null, "", `#${name}`);
  byID("vm").hidden = false;
  for (const id of ["refusal", "inspection"]) byID(id).hidden = true;
  byID("said").textContent = "";
  view.clear();
  writes(null, "It does not run.");
  byID("life").replaceChildren();
  drawFigures();
  readList();
  readLife(name, state.streams.signal);
  readFigures(name, state.streams.signal);
  byID("vm").focus();
}

function showVM() {
  const vm = state.vms.find((vm) => vm.name === state.name);
  byID("vm").hidden = !vm;
  if (!vm) return;
  byID("vm-name").textContent = vm.name;
  const stateInWords = vm.state.replaceAll("-", " ");
  byID("vm-words").textContent = vm.words.startsWith(stateInWords) ? vm.words : `${stateInWords}: ${vm.words}`;
  // Each run has a console of its own.
  if (state.process !== (vm.process ?? null)) {
    state.process = vm.process ?? null;
    if (state.process !== null) readConsole(vm.name, state.process, state.streams.signal);
  }
  const useless = vm.state === "paused" ? "pause" : "unpause";
  const verbs = vm.verbs.filter((verb) => titles[verb] && verb !== useless);
  // Those that are there stay, so that whoever is at one stays there.
  if (byID("verbs").dataset.verbs === verbs.join()) return;
  byID("verbs").dataset.verbs = verbs.join();
  byID("verbs").replaceChildren(...verbs.map((verb) => button(titles[verb], () => act(verb))));
}

function button(title, action) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = title;
  button.onclick = action;
  return button;
}

async function act(verb, options = {}) {
  const name = state.name;
  if (asksFirst.has(verb) && !confirm(`${titles[verb]}: VM ${name}?`)) return;
  const said = byID("said");
  said.textContent = `${titles[verb]} …`;
  byID("refusal").hidden = true;
  try {
    const path = `/v1/vms/${encodeURIComponent(name)}`;
    const outcome = verb === "remove" ? await ask("DELETE", path) : await ask("POST", `${path}/${verb}`, options);
    said.textContent = outcome ? outcome.words.join("; ") || "done" : "removed";
  } catch (error) {
    said.textContent = error.message;
    const reason = error.problem?.reason ?? "";
    if (reason.startsWith("refused-")) {
      byID("refusal").hidden = false;
      byID("refusal-words").textContent = error.message;
      byID("refusal-verbs").replaceChildren(
        ...ways.filter(([, reasons]) => reasons.includes(reason))
          .map(([title, , options]) => button(title, () => act("start", options))),
        button(titles["restore-image"], () => act("restore-image")));
      inspect();
    }
  }
  readList();
}

// MARK: Its life

// States that are shown: a page may stay open for months. The log itself has all that are kept.
const longestLife = 500;

function addToLife(event) {
  const item = document.createElement("li");
  const time = document.createElement("time");
  time.dateTime = event.time;
  time.textContent = new Date(event.time).toLocaleString();
  const how = document.createElement("strong");
  how.textContent = event.state;
  how.dataset.state = event.state;
  item.append(time, " ", how, ` ${event.cause}`);
  const life = byID("life");
  life.prepend(item);
  if (life.childElementCount > longestLife) life.lastElementChild.remove();
}

async function readLife(name, signal) {
  try {
    for await (const [kind, data] of events(`/v1/vms/${encodeURIComponent(name)}/events?follow=false`, signal)) {
      if (kind === "state") addToLife(JSON.parse(data));
    }
  } catch { /* Another VM is shown by now. */ }
}

// MARK: Its console

const view = new ConsoleView(
  {
    box: byID("console"), history: byID("console-history"), screen: byID("console-screen"),
    spoken: byID("console-spoken"), hint: byID("console-hint"),
  },
  { send: type, reply: type });

// The stream of the console that is shown, if there is one; why not, or why it cannot be written to.
function writes(stream, detail) {
  state.console = stream;
  const isDeaf = !(stream?.writes ?? false);
  byID("line").disabled = isDeaf;
  byID("line").placeholder = isDeaf ? detail : "";
  for (const key of byID("keys").children) key.disabled = isDeaf;
  if (isDeaf) view.close(detail);
}

async function readConsole(name, process, signal) {
  const isShown = () => !signal.aborted && state.process === process;
  while (isShown()) {
    try {
      for await (const [kind, data] of events(`/v1/vms/${encodeURIComponent(name)}/console?write=true`, signal)) {
        if (!isShown()) return;
        if (kind === "open") {
          const stream = { ...JSON.parse(data), pending: new Uint8Array(), isBusy: false };
          view.open({ ...stream, old: stream.old ?? Infinity });
          writes(stream, stream.detail);
        } else if (kind === "output") {
          view.output(Uint8Array.from(atob(data), (character) => character.charCodeAt(0)));
        } else if (kind === "end") {
          writes(null, "The run has ended.");
          return;
        }
      }
    } catch (error) {
      if (!isShown()) return;
      writes(null, error.message);
    }
    // It begins, or the connection went.
    await pause(1000);
  }
}

// Bytes in one request, and those that may wait; how often one is sent again to a guest that takes nothing.
const pieceLength = 1 << 14;
const pendingLength = 1 << 19;
const attempts = 40;

// Sends what is typed in the order in which it was, one request at a time.
async function type(text) {
  const { name, console: stream } = state;
  if (!stream?.writes) return;
  const more = new TextEncoder().encode(text);
  if (stream.pending.length + more.length > pendingLength) {
    byID("said").textContent = "The guest does not take what was typed before.";
    return;
  }
  const all = new Uint8Array(stream.pending.length + more.length);
  all.set(stream.pending);
  all.set(more, stream.pending.length);
  stream.pending = all;
  if (stream.isBusy) return;
  stream.isBusy = true;
  let attempt = 0;
  try {
    while (stream.pending.length > 0) {
      const piece = stream.pending.slice(0, pieceLength);
      const reply = await fetch(`/v1/vms/${encodeURIComponent(name)}/console/${stream.stream}`, {
        method: "POST", headers: headers({ "Content-Type": "application/octet-stream" }), body: piece,
      });
      if (reply.ok) {
        stream.pending = stream.pending.slice(piece.length);
        attempt = 0;
        continue;
      }
      const problem = await reply.json();
      attempt += 1;
      if (problem.reason !== "no-reaction" || attempt === attempts) throw new Error(problem.detail);
      await pause(250);
    }
  } catch (error) {
    stream.pending = new Uint8Array();
    byID("said").textContent = error.message;
  }
  stream.isBusy = false;
}

// Keys that a screen has not, or that browsers keep for themselves.
const extraKeys = [
  ["Esc", "\x1b"], ["Tab", "\t"], ["Ctrl+C", "\x03"], ["Ctrl+D", "\x04"], ["Ctrl+W", "\x17"], ["Ctrl+Z", "\x1a"],
  ["↑", "A", "Up"], ["↓", "B", "Down"], ["←", "D", "Left"], ["→", "C", "Right"],
];

function addKeys() {
  byID("keys").replaceChildren(...extraKeys.map(([title, text, name]) => {
    const key = button(title, () => type(name ? view.arrow(text) : text));
    if (name) key.setAttribute("aria-label", name);
    return key;
  }));
}

// MARK: What it takes

const looks = 60;

async function readFigures(name, signal) {
  const path = `/v1/vms/${encodeURIComponent(name)}`;
  while (!signal.aborted) {
    if (!document.hidden && state.vms.find((vm) => vm.name === name)?.process) {
      try {
        const [look, vm] = await Promise.all([
          ask("GET", `${path}/stats`, undefined, signal), ask("GET", path, undefined, signal),
        ]);
        state.figures = [...state.figures, withRates(look, vm.figures?.disks ?? [])].slice(-looks);
        drawFigures();
      } catch { /* It has ended. */ }
    }
    await pause(2000);
  }
}

// A look, with what was asked of the disks since the one before, in a second.
function withRates(look, disks) {
  const sum = (key) => disks.reduce((sum, disk) => sum + disk[key], 0);
  const figure = { ...look, time: performance.now(), disks: disks.length, reads: sum("reads"), writes: sum("writes") };
  const before = state.figures.at(-1);
  const isSame = before?.process === figure.process && before.disks === figure.disks;
  const rate = (key) => isSame
    ? Math.max(0, ((figure[key] - before[key]) * 1000) / (figure.time - before.time)) : 0;
  return { ...figure, readRate: rate("reads"), writeRate: rate("writes") };
}

function drawFigures() {
  const figures = state.figures;
  const last = figures.at(-1);
  const nothing = "It does not run, or has not been looked at yet.";
  byID("figures-words").textContent = last
    ? `CPU ${Math.round(last.cpuShare * 100)} % of a core, memory ${Math.round(last.memoryByteCount / 1048576)} MiB, `
      + `${last.cpuSeconds.toFixed(1)} s of CPU in all`
    : nothing;
  byID("disk-words").textContent = !last ? nothing : last.disks === 0 ? "It has no disk."
    : `${Math.round(last.readRate)} reads and ${Math.round(last.writeRate)} writes a second, `
      + `${last.reads} and ${last.writes} in all`;
  const line = (value, most) => figures
    .map((figure, index) => `${(index * 300) / (looks - 1)},${58 - (56 * value(figure)) / most}`).join(" ");
  const most = (value) => Math.max(1e-9, ...figures.map(value));
  const cpu = (figure) => figure.cpuShare, memory = (figure) => figure.memoryByteCount;
  const reads = (figure) => figure.readRate, disk = (figure) => figure.writeRate;
  byID("figures-cpu").setAttribute("points", line(cpu, Math.max(1, most(cpu))));
  byID("figures-memory").setAttribute("points", line(memory, most(memory)));
  // One scale for both, so that they can be compared.
  const busiest = Math.max(1, most(reads), most(disk));
  byID("figures-reads").setAttribute("points", line(reads, busiest));
  byID("figures-writes").setAttribute("points", line(disk, busiest));
}

// MARK: What its guest sees

function fill(table, rows) {
  table.tBodies[0].replaceChildren(...rows.map((cells) => {
    const row = document.createElement("tr");
    for (const text of cells) row.insertCell().textContent = text;
    return row;
  }));
}

const consequences = {
  "must-match": "it is not resumed", "guest-notices": "the guest notices", "may-change": "nothing",
};

async function inspect() {
  const name = state.name;
  try {
    const inspection = await ask("GET", `/v1/vms/${encodeURIComponent(name)}/inspection`);
    if (name !== state.name) return;
    const next = inspection.nextStart;
    byID("inspection").hidden = false;
    byID("next").textContent = next ? `The next start: ${next.start}` : "It runs.";
    const differences = next?.differences ?? [];
    fill(byID("differences"), differences.map((difference) => [
      difference.path, difference.recorded ?? "–", difference.today ?? "–",
      consequences[difference.consequence] ?? difference.consequence,
    ]));
    byID("differences").hidden = differences.length === 0;
    fill(byID("facts"), Object.entries(inspection.environment?.facts ?? inspection.environment ?? {}).map(
      ([path, value]) => [path, typeof value === "string" ? value : JSON.stringify(value)]));
  } catch (error) {
    byID("said").textContent = error.message;
  }
}

// MARK: The beginning

byID("login").onsubmit = (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", byID("token").value);
  byID("login").hidden = true;
  begin();
};
byID("typing").onsubmit = (event) => {
  event.preventDefault();
  type(`${byID("line").value}\r`);
  byID("line").value = "";
};
byID("inspect").onclick = inspect;
addKeys();

function begin() {
  follow();
  const name = decodeURIComponent(location.hash.slice(1));
  if (name) show(name);
}
begin();

// Linked into the static executable only: names are looked up by what is in it.
//
// The C library finds users and hosts by modules that nsswitch.conf(5) names, and loads them at run time, which in a
// static executable works only with modules of the same version of the library; with another it may crash. "files" and
// "dns" are in the library itself.

#include <nss.h>

__attribute__((constructor)) static void dormouse_only_what_is_in_it(void) {
    __nss_configure_lookup("passwd", "files");
    __nss_configure_lookup("hosts", "files dns");
}

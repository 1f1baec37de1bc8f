/**
 * Exit codes that more than one program knows: the command line, and the watchdog, which is without the library.
 *
 * @internal
 */

/** That of a process that a second signal ends. */
export const atOnce = 130

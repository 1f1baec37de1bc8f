/** Milliseconds that a test waits for what has to come before it calls it an error: much longer than even a busy machine needs. */
export const patienceMillis = 120_000

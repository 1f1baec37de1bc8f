/**
 * The version of this package, as greetings and `--version` tell it. A test holds it against `package.json`.
 *
 * @internal
 */
export const version = "0.1.0"

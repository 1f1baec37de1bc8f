/**
 * The text of `docs/errors.md`. In `dist/` the build puts the text itself in the place of this module, so that a bundle needs
 * no file beside it.
 *
 * @internal
 */
import { readFileSync } from "node:fs"

export const errorPage: string = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8")

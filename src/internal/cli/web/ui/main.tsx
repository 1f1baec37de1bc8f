/**
 * The pages of `emp web`, in the browser: the build makes one file of this and all that it needs. There is no Effect here: it would be
 * larger than the pages, and what they do is to show what they are sent.
 *
 * @internal
 */
import { render } from "preact"
import { App } from "./app.tsx"
import { follow } from "./live.ts"

const place = document.getElementById("app")
if (place !== null) render(<App />, place)
follow()

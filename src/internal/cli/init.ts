/**
 * `emp init`: a small project to begin with. A service under a supervisor, and a test of it.
 *
 * @internal
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import { version } from "../values/version.ts"
import { CommandFailed } from "./network/session.ts"

const greeter = `/**
 * A service that greets, and is started again when it fails. Others find it in the group "greeters".
 */
import { Global, Port, Supervisor } from "effect-mp"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"

/** What a greeter takes: types for senders, and a check of what comes from other nodes. */
export const Greeter = Port.protocol({
  greet: Port.message(Schema.String).replies(Schema.String)
})

export const greeter = Port.make(Greeter, {
  greet: (name) => Effect.succeed(\`hello, \${name}\`)
})

/** In the group as long as it lives. */
const registered = Effect.tap(greeter, Global.register("greeters"))

export default Layer.effectDiscard(
  Supervisor.restart(registered, { id: "greeter", schedule: Schedule.exponential("100 millis") })
)
`

/** As the test of the project imports it. */
const greeterPath = "../src/greeter.ts"

const test = `import * as Effect from "effect/Effect"
import { Node, Port, Supervisor } from "effect-mp"
import assert from "node:assert/strict"
import { test } from "node:test"
import { greeter } from "${greeterPath}"

const run = <A, E>(effect: Effect.Effect<A, E, Node.Node>) =>
  Effect.runPromise(Effect.provide(effect, Node.layerLocal))

test("it greets", () =>
  run(Effect.scoped(Effect.gen(function*() {
    const port = yield* greeter
    assert.equal(yield* Port.cal(port, "greet", "world"), "hello, world")
  }))))

test("it comes back when it is killed", () =>
  run(Effect.scoped(Effect.gen(function*() {
    const supervised = yield* Supervisor.restart(greeter)
    yield* Port.kil(yield* supervised.port)
    assert.equal(yield* Port.cal(supervised.address, "greet", "again"), "hello, again")
  }))))
`

const manifest = (name: string): string =>
  JSON.stringify(
    {
      name,
      private: true,
      type: "module",
      scripts: { start: "emp run --service src/greeter.ts", test: "node --test" },
      dependencies: { "@effect/platform-node": "^4.1.0", effect: "^4.1.0", "effect-mp": `^${version}` },
      engines: { node: ">=22.19.0" }
    },
    undefined,
    2
  ) + "\n"

const readme = (name: string): string =>
  `# ${name}

    npm install
    npm test
    export EMP_SECRET=$(openssl rand -hex 32)      # the same on all machines
    npm start -- --node-id seed --bind 127.0.0.1:4040

and in another terminal, with the same secret:

    npx emp find greeters --seed 127.0.0.1:4040
    npx emp cal "$(npx emp find greeters --seed 127.0.0.1:4040)" greet world --seed 127.0.0.1:4040
    npx emp tree seed --seed 127.0.0.1:4040
`

/** Makes a folder and those above it, one by one: where none can be made, as in `/proc`, Node's own way may try for ever. */
const makeFolder = (folder: string): Effect.Effect<void, PlatformError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    if (yield* files.exists(folder)) return
    if (path.dirname(folder) !== folder) yield* makeFolder(path.dirname(folder))
    yield* files.makeDirectory(folder)
  })

/** Writes the project into a folder. What is there already stays: then nothing is written. */
export const init = Effect.fnUntraced(function*(folder: string) {
  const files = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const root = path.resolve(folder)
  const name = path.basename(root).toLowerCase().replaceAll(/[^a-z0-9._-]+/g, "-").replace(/^[._-]+/, "") || "my-nodes"
  const project: ReadonlyArray<readonly [string, string]> = [
    ["package.json", manifest(name)],
    ["README.md", readme(name)],
    [".gitignore", "node_modules/\n"],
    ["src/greeter.ts", greeter],
    ["test/greeter.test.ts", test]
  ]
  for (const [file] of project) {
    if (yield* files.exists(path.join(root, file))) {
      return yield* new CommandFailed({ problem: `${path.join(root, file)} is there already: nothing was written` })
    }
  }
  for (const [file, text] of project) {
    const target = path.join(root, file)
    yield* makeFolder(path.dirname(target))
    yield* files.writeFileString(target, text)
    yield* Console.log(`wrote ${path.join(folder, file)}`)
  }
  yield* Console.log(`\ncd ${folder.includes(" ") ? `"${folder}"` : folder} && npm install && npm test`)
}, (written, folder) =>
  Effect.catchTag(written, "PlatformError", (error) =>
    new CommandFailed({
      problem:
        `${error.message}: name a folder that is empty or not there yet, and that you may write to; not ${folder}`
    })))

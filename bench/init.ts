/** From `emp init` to a project that is installed, has passed its tests, and answers: what a stranger waits for on the first day. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { devNull, tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { formNames } from "../src/internal/cli/init/forms.ts"
import { emp, Process } from "../test/processes.ts"
import { type Goal, millisOf } from "./goal.ts"

/** What npm has told this bench is not for the npm of the project. */
const env = {
  ...Object.fromEntries(
    Object.keys(process.env).filter((name) => /^npm_/i.test(name)).map((name) => [name, undefined])
  ),
  PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"]}`,
  EFFECT_MP_RC: devNull
}

const run = (cwd: string, command: string, ...args: ReadonlyArray<string>): void => {
  const { status, stderr, stdout } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: "utf8"
  })
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stdout}${stderr}`)
}

const begin = (folder: string, command: string): Process =>
  new Process([], { ...env, EFFECT_MP_RC: "effect-mp.json" }, ["env", "-C", folder, "sh", "-c", command, "sh"])

/** What the README of a form has one type last: the programs, and what asks them. */
const untilAnswered = async (folder: string, form: typeof formNames[number]): Promise<void> => {
  const { scripts } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    readonly scripts: Readonly<Record<string, string>>
  }
  await using all = new AsyncDisposableStack()
  for (const name of ["start", "worker"]) {
    // Without npm, a shell and a watchdog in between, the process that is ended is the program.
    const script = scripts[name]?.replace(/^\S+ /, "exec ").replace(
      "emp run",
      "node_modules/.bin/emp run --no-watchdog"
    )
    if (script === undefined) continue
    const program = all.use(begin(folder, script))
    await program.sees(/is ready|Listening on/)
  }
  const asks = {
    minimal: `node_modules/.bin/emp cal "$(node_modules/.bin/emp find greeters)" greet Ada`,
    service: "curl --silent http://127.0.0.1:8080/greet/Ada",
    workers: "curl --silent http://127.0.0.1:8080/count --data 'to be or not to be'"
  }
  await all.use(begin(folder, asks[form])).sees(/Ada|"words":6/)
}

const measure = async (form: typeof formNames[number]): Promise<number> => {
  const above = mkdtempSync(join(tmpdir(), "emp-init-"))
  try {
    const folder = join(above, form)
    const millis = await millisOf(async () => {
      run(above, process.execPath, emp, "init", form, "--form", form)
      run(folder, "npm", "install")
      run(folder, "npm", "test")
      await untilAnswered(folder, form)
    })
    return millis / 1000
  } finally {
    rmSync(above, { recursive: true, force: true })
  }
}

export const init: ReadonlyArray<Goal> = formNames.map((form): Goal => ({
  name: `emp init --form ${form}, until it answers`,
  unit: "s",
  atMost: 120,
  measure: () => measure(form)
}))

/** Projects of `emp init`, in a folder of the test file: written, with packages, run. */
import { assert } from "@effect/vitest"
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { devNull, tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { pack } from "./packed.ts"
import { patienceMillis } from "./patience.ts"
import { emp, eventually, freePort, root, start } from "./processes.ts"

/**
 * The Node of the tests comes first on the PATH, nobody's own configuration counts, and neither what npm has told the tests nor what
 * vitest has is for others.
 */
const plain: Readonly<Record<string, string | undefined>> = {
  ...Object.fromEntries(
    Object.keys(process.env).filter((name) => /^(?:npm_|vitest|test$)/i.test(name)).map((name) => [name, undefined])
  ),
  PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"]}`,
  EFFECT_MP_RC: devNull,
  EMP_SECRET: undefined
}

const isRefused = (error: unknown): boolean =>
  error instanceof Error && error.cause instanceof Error && "code" in error.cause && error.cause.code === "ECONNREFUSED"

/** What is answered by HTTP, from the moment on that somebody listens. */
export const ask = async (url: string, body?: string): Promise<string> => {
  let answer: string | undefined
  await eventually(`somebody listens at ${url}`, async () => {
    const asked = fetch(url, {
      signal: AbortSignal.timeout(patienceMillis),
      ...body === undefined ? {} : { method: "POST", body }
    })
    answer = await asked.then(
      (response) => response.text(),
      (error) => isRefused(error) ? undefined : Promise.reject(error)
    )
    return answer !== undefined
  })
  return answer ?? ""
}

/** A folder for projects, and the package as npm packs it. */
export class Projects {
  readonly folder = mkdtempSync(join(tmpdir(), "emp-init-"))
  readonly tarball: string

  constructor() {
    this.tarball = pack(this.folder).tarball
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  path(...names: ReadonlyArray<string>): string {
    return join(this.folder, ...names)
  }

  text(...names: ReadonlyArray<string>): string {
    return readFileSync(this.path(...names), "utf8")
  }

  json<A>(...names: ReadonlyArray<string>): A {
    return JSON.parse(this.text(...names)) as A
  }

  copy(from: string, to: string): void {
    copyFileSync(this.path(from), this.path(to))
  }

  edit(file: string, from: string, to: string): void {
    assert.include(this.text(file), from)
    writeFileSync(this.path(file), this.text(file).replaceAll(from, to))
  }

  /** Runs `emp init` in the folder, as it is typed. */
  init(
    args: ReadonlyArray<string>,
    env: Readonly<Record<string, string | undefined>> = {},
    through: ReadonlyArray<string> = []
  ) {
    return start([emp, "init", ...args], { ...plain, ...env }, ["/usr/bin/env", "-C", this.folder, ...through]).exits()
  }

  /** The same, without packing the package once more. */
  initQuickly(...args: ReadonlyArray<string>) {
    return this.init(["--from-tarball", this.tarball, ...args])
  }

  /** Links the packages of this repository, for all projects. */
  linkPackages(): void {
    const modules = this.path("node_modules")
    if (existsSync(modules)) return
    mkdirSync(modules)
    for (const name of ["effect", "@effect", "@types", "typescript", "vitest"]) {
      symlinkSync(join(root, "node_modules", name), join(modules, name))
    }
    symlinkSync(root, join(modules, "effect-mp"))
  }

  /** Runs Node in a project, or what `through` runs. */
  async running(name: string) {
    this.edit(join(name, "effect-mp.json"), "127.0.0.1:4040", `127.0.0.1:${await freePort()}`)
    const port = String(await freePort())
    const run = (args: ReadonlyArray<string>, ...through: ReadonlyArray<string>) =>
      start(args, { ...plain, EFFECT_MP_RC: "effect-mp.json", PORT: port }, ["env", "-C", this.path(name), ...through])
    const shell = (command: string) => run([], "sh", "-c", command, "sh")
    return {
      url: `http://127.0.0.1:${port}`,
      run,
      shell,
      emp: (...args: ReadonlyArray<string>) => run([emp, ...args]),
      says: async (...args: ReadonlyArray<string>) => (await run([emp, ...args]).exits()).stdout.trim()
    }
  }

  /** Writes a project with packages, and readies it to run. */
  async make(form: string, name = form) {
    this.linkPackages()
    assert.strictEqual((await this.initQuickly(name, "--form", form)).code, 0)
    return await this.running(name)
  }
}

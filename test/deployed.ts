/** What `deploy/` says, as tests read it: the commands of the Dockerfile, the documents of a YAML file. */
import { execFileSync } from "node:child_process"
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs"
import { dirname, join } from "node:path"
import { parseAllDocuments } from "yaml"
import { root } from "./processes.ts"

export const deployFile = (path: string): string => readFileSync(join(root, "deploy", path), "utf8")

/** The documents of a YAML file, each as it is meant: with its anchors and merge keys put in. */
export const documentsOf = (path: string): ReadonlyArray<unknown> =>
  parseAllDocuments(deployFile(path), { merge: true, strict: true }).map((document) => {
    const [problem] = [...document.errors, ...document.warnings]
    if (problem !== undefined) throw problem
    return document.toJS() as unknown
  })

interface Instruction {
  readonly name: string
  readonly text: string
}

/** The instructions of the Dockerfile, stage by stage. */
export const stagesOf = (dockerfile: string): ReadonlyArray<ReadonlyArray<Instruction>> => {
  const lines = dockerfile.split("\n").filter((line) => !/^\s*(#|$)/.test(line)).join("\n").replaceAll("\\\n", " ")
  const all = lines.split("\n").map((line): Instruction => {
    const [, name = "", text = ""] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
    return { name, text }
  })
  const starts = all.flatMap(({ name }, at) => name === "FROM" ? [at] : [])
  return starts.map((start, nth) => all.slice(start, starts[nth + 1]))
}

/** The words of an instruction in the form of a JSON list. */
export const wordsOf = (stage: ReadonlyArray<Instruction>, name: string): ReadonlyArray<string> => {
  const text = stage.find((instruction) => instruction.name === name)?.text ?? ""
  return JSON.parse(text.slice(text.indexOf("["))) as ReadonlyArray<string>
}

/** What an image sets in the environment. */
export const environmentOf = (stage: ReadonlyArray<Instruction>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    stage.filter(({ name }) => name === "ENV").flatMap(({ text }) => text.split(" ")).map((pair) => {
      const at = pair.indexOf("=")
      return [pair.slice(0, at), pair.slice(at + 1)]
    })
  )

/**
 * Carries out what the Dockerfile does, with `/build` and `/srv` in a folder of the test. Packages of the system are not installed,
 * and those of this repository are there already. Answers where `/srv` is.
 */
export const buildImage = (folder: string): string => {
  const inside = (text: string): string => text.replaceAll(/(?<![\w.])\/(build|srv)\b/g, `${folder}/$1`)
  for (const name of ["build", "srv"]) mkdirSync(join(folder, name))
  const ignored = deployFile("Dockerfile.dockerignore").split("\n")
  const isSent = (name: string): boolean =>
    ignored.some((line) => line === `!${name}` || line === "!tsconfig*.json" && /^tsconfig.*\.json$/.test(name))
  for (const name of readdirSync(root).filter(isSent)) {
    cpSync(join(root, name), join(folder, "build", name), { recursive: true })
  }
  symlinkSync(join(root, "node_modules"), join(folder, "build/node_modules"))
  let cwd = folder
  for (const { name, text } of stagesOf(deployFile("Dockerfile")).flat()) {
    if (name === "WORKDIR") mkdirSync(cwd = inside(text), { recursive: true })
    if (name !== "RUN" || /^(apk|npm ci) /.test(text)) continue
    const PATH = [join(folder, "srv/node_modules/.bin"), dirname(process.execPath), process.env["PATH"]].join(":")
    execFileSync("sh", ["-ec", inside(text)], { cwd, env: { ...process.env, PATH }, stdio: "pipe" })
  }
  return join(folder, "srv")
}

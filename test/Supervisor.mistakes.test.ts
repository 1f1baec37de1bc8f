/**
 * What the compiler says of the mistakes that programs make with supervisors. What must compile at all, and what must not, is in
 * `Supervisor.types.ts`.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { Process, root } from "./processes.ts"

interface Mistake {
  readonly name: string
  readonly code: string
  /** What the first error says, in this order; other lines may stand between. */
  readonly says: ReadonlyArray<string>
}

const prelude = `import * as Effect from "effect/Effect"
import * as Port from "../../src/Port.ts"
import * as Supervisor from "../../src/Supervisor.ts"

const start = Port.make({})
declare const supervisor: Supervisor.Supervisor<"cache" | "worker">
export type Used = [typeof start, typeof supervisor, Effect.Effect<void>]

`

const mistakes: ReadonlyArray<Mistake> = [
  {
    name: "the port of a child that there is not",
    code: `supervisor.port("cash")`,
    says: [`Argument of type '"cash"' is not assignable to parameter of type '"cache" | "worker"'.`]
  },
  {
    name: "a significant child that is permanent",
    code: `Supervisor.make({ children: [{ id: "a", start, restart: "permanent", significant: true }] })`,
    says: [
      "Types of property 'restart' are incompatible.",
      `Type '"permanent"' is not assignable to type '"temporary" | "transient" | ((exit: Exit<void, Killed>) => boolean)'.`
    ]
  },
  {
    name: "a significant child that is permanent because it says nothing else",
    code: `Supervisor.make({ children: [{ id: "a", start, significant: true }] })`,
    says: ["Property 'restart' is missing in type", "but required in type 'SignificantChild'."]
  },
  {
    name: "the same of a child that is added",
    code: `supervisor.startChild({ id: "a", start, significant: true })`,
    says: ["Property 'restart' is missing in type", "but required in type 'SignificantChild'."]
  },
  {
    name: "a child that answers no port",
    code: `Supervisor.make({ children: [{ id: "a", start: Effect.succeed(1) }] })`,
    says: ["Type 'number' is not assignable to type 'Started'."]
  },
  {
    name: "a service that answers no port",
    code: "Supervisor.restart(Effect.succeed(1))",
    says: ["Type 'number' is not assignable to type '{ readonly port: PortId<any>; } | "]
  },
  {
    name: "a service that answers no port, in a pipe",
    code: "Effect.succeed(1).pipe(Supervisor.restart())",
    says: ["Type 'number' is not assignable to type '{ readonly port: PortId<any>; } | "]
  },
  {
    name: "a word of a policy that is misspelled",
    code: "Supervisor.restart(start, { intensty: 5 })",
    says: ["'intensty' does not exist in type 'Policy'. Did you mean to write 'intensity'?"]
  },
  {
    name: "a policy of the wrong kind",
    code: `Supervisor.restart(start, { intensity: "often" })`,
    says: ["Type 'string' is not assignable to type 'number'."]
  },
  {
    name: "an effect in the place of a child's start, where a task is meant",
    code: `Supervisor.dynamic({ start: (n: number) => Effect.succeed(n) })`,
    says: ["Type 'number' is not assignable to type 'Started'."]
  },
  {
    name: "a task that is given a value",
    code: "Supervisor.task(5)",
    says: ["Argument of type 'number' is not assignable to parameter of type 'Effect<"]
  },
  {
    name: "a budget of children that is a number",
    code: "Supervisor.dynamic({ start: () => start, perChild: 3 })",
    says: ["Type 'number' is not assignable to type 'ChildLimits'."]
  },
  {
    name: "the address of a child that there is not",
    code: `supervisor.address("cash")`,
    says: [`Argument of type '"cash"' is not assignable to parameter of type '"cache" | "worker"'.`]
  },
  {
    name: "a failover without nodes",
    code: `start.pipe(Supervisor.failover({ name: "x" }))`,
    says: ["Property 'nodes' is missing in type '{ name: string; }' but required in type 'FailoverOptions'."]
  }
]

const place = "test/supervisor-mistakes"

describe("what the compiler says", () => {
  /** By file: its errors. */
  const errors = new Map<string, Array<string>>()

  beforeAll(async () => {
    mkdirSync(`${root}${place}`, { recursive: true })
    for (const [nth, { code }] of mistakes.entries()) {
      writeFileSync(`${root}${place}/${nth}.ts`, `${prelude}export const mistake = ${code}\n`)
    }
    writeFileSync(
      `${root}${place}/tsconfig.json`,
      JSON.stringify({ extends: "../../tsconfig.json", include: ["*.ts"] })
    )
    const { stdout } = await new Process(["node_modules/typescript/bin/tsc", "--project", place, "--pretty", "false"])
      .ended
    for (const text of stdout.split(/\n(?=\S)/)) {
      const [, file = "", said = text] = /^(\S+)\(\d+,\d+\): error TS\d+: ([\s\S]*)$/.exec(text.trim()) ?? []
      errors.set(file, [...errors.get(file) ?? [], said])
    }
  })
  afterAll(() => rmSync(`${root}${place}`, { recursive: true, force: true }))

  it("of the package itself: nothing", () => {
    assert.deepStrictEqual(Array.from(errors.keys()).filter((file) => !file.startsWith(place)), [])
  })

  it.each(mistakes.map((mistake, nth) => [mistake.name, mistake, nth] as const))("of %s", (_, { says }, nth) => {
    const said = errors.get(`${place}/${nth}.ts`)?.join("\n") ?? "nothing"
    let from = 0
    for (const line of says) {
      const at = said.indexOf(line, from)
      assert.isAtLeast(at, 0, `not as expected: ${line}\n${said}`)
      from = at + line.length
    }
  })
})

/**
 * `npm run fuzz`: tries inputs that nobody would send, until the time is over or one of them does harm. Needs Node's
 * `--expose-gc`, to see what stays in memory.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import { randomInt } from "node:crypto"
import * as vm from "node:vm"
import { version } from "../../src/internal/values/version.ts"
import { type Failure, Fuzzer } from "./fuzzer.ts"
import { type Target, targets } from "./targets.ts"

const names = Object.keys(targets) as Array<keyof typeof targets>

/** Inputs are tried for so long at a time; then signals and timers get their turn. Milliseconds. */
const turn = 200
const progressInterval = 5000
/** What one input may take, whatever else the machine has to do: milliseconds of this process. */
const slowMillis = 2000
/** An input that takes longer than this has got stuck. */
const stuck = 20_000
/** What may be more in memory than after the first seconds. */
const growth = 64 * 1024 * 1024

class HarmDone extends Error {
  /** What it was has been printed. */
  override readonly [Runtime.errorReported] = false
}

const fuzz = Command.make("fuzz", {
  minutes: Flag.Finite("minutes").pipe(Flag.withDescription("How long to try, for each target"), Flag.withDefault(1)),
  seed: Flag.String("seed").pipe(
    Flag.withDescription("What all inputs are drawn from. Default: another one every time"),
    Flag.optional
  ),
  target: Flag.Literals("target", names).pipe(Flag.withDescription("Default: all of them in turn"), Flag.optional),
  input: Flag.String("input").pipe(
    Flag.withDescription("Tries this one input, in hex, and says what becomes of it"),
    Flag.optional
  )
}, ({ input, minutes, seed, target }) => {
  const chosen = Option.match(target, { onNone: () => names, onSome: (name) => [name] })
  const run = Option.match(input, {
    onNone: () => (name: keyof typeof targets) =>
      tryFor(minutes, name, Option.getOrElse(seed, () => String(randomInt(2 ** 32)))),
    onSome: (hex) => (name: keyof typeof targets) =>
      Console.log(`${name}: ${targets[name].check(Buffer.from(hex, "hex"))}`)
  })
  return Effect.forEach(chosen, run, { discard: true })
}).pipe(
  Command.withDescription("Feeds decoders and the handshake with inputs that nobody would send"),
  Command.withExamples([
    { command: "npm run fuzz -- --minutes 5 --target cbor", description: "Five minutes for one target" },
    { command: "npm run fuzz -- --target json --input 5b6e616e5d", description: "One input" }
  ])
)

/** Tries inputs for some minutes. Fails with the first one that does harm. */
const tryFor = (minutes: number, name: keyof typeof targets, seed: string): Effect.Effect<void, HarmDone> => {
  const fuzzer = new Fuzzer(targets[name] satisfies Target, seed, slowMillis)
  const begin = performance.now()
  const seconds = (): number => (performance.now() - begin) / 1000
  const said = () =>
    `${name}: ${fuzzer.inputs} inputs in ${seconds().toFixed(0)} s, ${fuzzer.outcomes.size} outcomes, seed ${seed}`
  return Effect.gen(function*() {
    let nextProgress = progressInterval / 1000
    let least = Infinity
    yield* Console.error(`${name}: begins, seed ${seed}`)
    while (seconds() < minutes * 60) {
      const failure = inputsOfOneTurn(fuzzer)
      if (failure !== undefined) return yield* reported(name, seed, failure)
      if (seconds() >= nextProgress) {
        nextProgress = seconds() + progressInterval / 1000
        const held = heldMemory()
        least = Math.min(least, held)
        yield* Console.error(`${said()}, ${(held / 2 ** 20).toFixed(0)} MiB held`)
        if (held > least + growth) {
          return yield* reported(name, seed, { input: fuzzer.input, error: new Error("memory grows and grows") })
        }
      }
      yield* Effect.sleep(0)
    }
  }).pipe(Effect.ensuring(Effect.suspend(() => Console.log(said()))))
}

const sandbox = vm.createContext({ run: (): void => {} })

/** Tries inputs for a moment. Code that does not come back is interrupted. */
const inputsOfOneTurn = (fuzzer: Fuzzer): Failure | undefined => {
  const until = performance.now() + turn
  let failure: Failure | undefined
  sandbox["run"] = () => {
    while (failure === undefined && performance.now() < until) failure = fuzzer.next()
  }
  try {
    vm.runInContext("run()", sandbox, { timeout: stuck })
    return failure
  } catch (error) {
    return { input: fuzzer.input, error }
  }
}

const heldMemory = (): number => {
  if (globalThis.gc === undefined) throw new Error("run it with --expose-gc")
  globalThis.gc()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return arrayBuffers + heapUsed
}

const reported = (name: string, seed: string, { error, input }: Failure): Effect.Effect<never, HarmDone> => {
  const hex = Buffer.from(input).toString("hex")
  const text = error instanceof Error ? error.stack ?? error.message : String(error)
  const lines = [
    text,
    `${name}, seed ${seed}, input of ${input.length} bytes: ${hex}`,
    `repeat it with: npm run fuzz -- --target ${name} --input ${hex}`
  ]
  return Effect.andThen(Console.error(`\n${lines.join("\n")}\n`), Effect.fail(new HarmDone()))
}

NodeRuntime.runMain(Command.run(fuzz, { version }).pipe(Effect.provide(NodeServices.layer)))

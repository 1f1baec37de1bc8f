/**
 * The parts that processes take in the demo. Its nodes are started with the demo's own command line, and with a variable that
 * says which node they are: no file of the package has to be found.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import { keeperOfProcess } from "../run/keeper.ts"
import { runNode } from "../run/node.ts"
import { toService } from "../run/service.ts"
import * as services from "./services.ts"

/** Tells a process which node it is, and how it gets into the demo's network. */
const variable = "EFFECT_MP_DEMO"

const Part = Schema.Struct({
  name: Schema.Literals(["seed", "receiver", "sender"]),
  seeds: Schema.Array(Schema.String),
  secret: Schema.String
})

export type Part = typeof Part.Type

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Part))

/** The environment of a process that is to take a part. */
export const withPart = (part: Part): Record<string, string> => ({ [variable]: JSON.stringify(part) })

/** The part that this process was started for, if it was. */
export const partOfThisProcess = (): Part | undefined => Option.getOrUndefined(decode(process.env[variable]))

/** Runs a node of the demo. What it logs are its last words, should it end: only what matters then. */
export const takePart = ({ name, secret, seeds }: Part) =>
  Effect.provideService(runPart(name, secret, seeds), References.MinimumLogLevel, "Warn")

const runPart = (name: Part["name"], secret: string, seeds: Part["seeds"]) =>
  runNode(
    {
      nodeId: `demo/${name}`,
      binds: ["127.0.0.1:*"],
      seeds,
      secret: [Redacted.make(secret)],
      certFile: undefined,
      cert: undefined
    },
    Effect.map(toService(name, services[name], []), (service) => [service]),
    { allowEval: false, trace: false, hangSeconds: 30 },
    keeperOfProcess()
  )

/**
 * What of a configuration does not depend on who reads it: the file's place, the environment and the host.
 *
 * @internal
 */
import { hostname } from "#platform"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { ConfigFileError } from "./errors.ts"
import { defaultFile } from "./file.ts"
import { levelOfVerbosity } from "./logLevels.ts"
import type { Sources } from "./resolve.ts"

/** What a configuration comes from, but for what the file holds and what whoever reads it says. */
export type Surroundings = Omit<Sources, "document" | "words">

const variables = Config.all({
  rc: Config.option(Config.String("EFFECT_MP_RC")),
  secret: Config.option(Config.Redacted("EMP_SECRET")),
  cert: Config.option(Config.String("EMP_CERT")),
  nats: Config.option(Config.String("EMP_NATS")),
  natsNetwork: Config.option(Config.String("EMP_NATS_NETWORK")),
  natsCredentials: Config.option(Config.String("EMP_NATS_CREDENTIALS")),
  verbose: Config.option(Config.String("EMP_VERBOSE"))
})

/** The file's place, the environment and the host. A variable that is empty is none. */
export const surroundings = (isRead: boolean): Effect.Effect<Surroundings, Config.ConfigError | ConfigFileError> =>
  Effect.gen(function*() {
    const { cert, nats, natsCredentials, natsNetwork, rc, secret, verbose } = yield* variables
    const held = (value: Option.Option<string>) => Option.getOrUndefined(value) || undefined
    return {
      // A file that is not read need not have a place.
      file: held(rc) ?? (yield* isRead ? defaultFile : Effect.orElseSucceed(defaultFile, () => "the file")),
      hostname: hostname(),
      environment: [
        { variable: "EMP_SECRET", values: { secret: held(Option.map(secret, Redacted.value)) } },
        { variable: "EMP_CERT", values: { cert: held(cert) } },
        { variable: "EMP_NATS", values: { nats: held(nats) } },
        { variable: "EMP_NATS_NETWORK", values: { nats_network: held(natsNetwork) } },
        { variable: "EMP_NATS_CREDENTIALS", values: { nats_credentials: held(natsCredentials) } },
        { variable: "EMP_VERBOSE", values: { log_level: levelOfVerbosity(held(verbose) ?? "")?.toLowerCase() } }
      ],
      flags: { values: {} }
    }
  })

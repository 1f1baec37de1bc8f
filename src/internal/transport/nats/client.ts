/**
 * What is used of `@nats-io/transport-node`, and how it is loaded and asked to connect: the package is there only where somebody wants it.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import { readFile } from "node:fs/promises"
import { LinkError } from "../linkError.ts"
import { isNatsNetwork } from "./address.ts"
import type { NatsClient, NatsConnectOptions, NatsOptions } from "./options.ts"
import { type NatsServer, readServer } from "./servers.ts"

const packageName = "@nats-io/transport-node"

interface Package {
  connect(options: NatsConnectOptions & { readonly authenticator?: unknown }): Promise<NatsClient>
  credsAuthenticator(credentials: Uint8Array): unknown
}

export const usualNetwork = "default"
const usualServers = "nats://127.0.0.1:4222"

const textsOf = ({ servers = usualServers }: NatsOptions): ReadonlyArray<string> =>
  [servers].flat().flatMap((text) => text.split(","))

/** The servers as they are shown: without what they are logged in to with. */
export const shownServers = (options: NatsOptions): string =>
  textsOf(options).map((text) => `nats://${readServer(text)?.host ?? "..."}`).join(",")

/**
 * As our own way of connecting wants it: a client that never gives up, and notices within half a minute that its server is gone.
 */
const connectOptions = (options: NatsOptions, servers: ReadonlyArray<NatsServer>): NatsConnectOptions => {
  const [one, pass] = servers.map(({ login }) => login).find(({ length }) => length > 0) ?? []
  const login = one === undefined ? {} : pass === undefined ? { token: one } : { user: one, pass }
  const tls = options.tls ?? (servers.some(({ isSecure }) => isSecure) ? {} : undefined)
  return {
    servers: servers.map(({ host }) => host),
    ...login,
    ...tls === undefined ? {} : { tls: { ...tls } },
    name: "effect-mp",
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 250,
    // Those of all processes are not to come at once.
    reconnectJitter: 500,
    reconnectJitterTLS: 500,
    pingInterval: 10_000,
    timeout: 5_000
  }
}

/** How to connect, again and again: or that there is no way to. */
export const connecting = (options: NatsOptions): Effect.Effect<() => Promise<NatsClient>, LinkError> => {
  const failed = (detail: string) => new LinkError({ reason: "connect_failed", peer: shownServers(options), detail })
  return Effect.gen(function*() {
    const servers = textsOf(options).map(readServer).filter((server) => server !== undefined)
    // It may hold a password, and is not repeated.
    if (servers.length < textsOf(options).length) return yield* failed("a server is not of the form nats://host:4222")
    if (!isNatsNetwork(options.network ?? usualNetwork)) {
      return yield* failed("the name of a network has letters, digits, _ and - alone, at most 64")
    }
    const asked = connectOptions(options, servers)
    const { connect, credentials } = options
    if (connect !== undefined) return () => connect(asked)
    const nats = yield* Effect.tryPromise({
      // A name that is not a literal: bundlers need not find it, nor the compiler.
      try: () => import(packageName) as Promise<Package>,
      catch: () => failed(`the package ${packageName} is not installed: npm install ${packageName}`)
    })
    if (credentials === undefined) return () => nats.connect(asked)
    const read = Effect.tryPromise({
      try: () => readFile(credentials),
      catch: (error) => failed(`the credentials cannot be read: ${(error as Error).message}`)
    })
    yield* read
    // Read again for each connection: they may have been renewed.
    return async () => nats.connect({ ...asked, authenticator: nats.credsAuthenticator(await readFile(credentials)) })
  })
}

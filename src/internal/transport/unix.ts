/**
 * Unix sockets: nodes of one machine without a network. The file of a socket is its owner's alone, from its first moment on.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import type * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { unixScheme } from "../values/address.ts"
import { LinkError } from "./linkError.ts"
import { accepted } from "./sharedReads.ts"
import { connect, openServer } from "./sockets.ts"
import { errorText, SocketWire } from "./socketWire.ts"
import { formatUnix, isHere, longestPath, parseUnix, type UnixAddress, wrongUnix } from "./unixAddress.ts"
import type { Carrier } from "./wire.ts"

type Refused = NodeJS.ErrnoException

/** What an address means here, or why it means nothing. */
const read = (address: string): Effect.Effect<UnixAddress, LinkError> => {
  const found = parseUnix(address)
  if (found === undefined || wrongUnix(address) !== undefined) {
    return Effect.fail(new LinkError({ reason: "malformed_address", peer: address, detail: wrongUnix(address) }))
  }
  return isHere(found)
    ? Effect.succeed(found)
    : Effect.fail(
      new LinkError({ reason: "connect_failed", peer: address, detail: "the socket is on another machine" })
    )
}

// ---- dialling

const dial: Carrier["dial"] = (address) =>
  Effect.flatMap(read(address), (found) =>
    Effect.mapBoth(connect({ path: found.path }), {
      onSuccess: (socket) => new SocketWire(socket, address),
      onFailure: (error) =>
        new LinkError({
          reason: "connect_failed",
          peer: address,
          detail: error.code === "ENOENT" ? "there is no such socket" : errorText(error)
        })
    }))

// ---- listening

const tried = <A>(work: () => A): Effect.Effect<A, Refused> =>
  Effect.try({ try: work, catch: (error) => error as Refused })

const lookAt = (file: string): fs.BigIntStats | undefined => fs.lstatSync(file, { bigint: true, throwIfNoEntry: false })

/** Which file it is. Its number alone does not say it: whatever is made next may get the number of one that is gone. */
const identityOf = ({ dev, ino, mtimeNs }: fs.BigIntStats): string => `${dev} ${ino} ${mtimeNs}`

/** Takes a file away, if it still is this one: somebody else may have come first. */
const remove = (file: string, identity: string): void => {
  const found = lookAt(file)
  if (found !== undefined && identityOf(found) === identity) fs.unlinkSync(file)
}

/** As a port of TCP is: it may be by the very node that somebody asks for. */
const inUse = "the socket is in use"

/** A file that a process has left behind which was killed is in the way: whoever refuses a connection there is dead. */
const clear = (file: string): Effect.Effect<void, Refused> => {
  const found = lookAt(file)
  if (found === undefined) return Effect.void
  if (!found.isSocket()) {
    return Effect.fail(new Error("a file is there that is no socket"))
  }
  return Effect.matchEffect(connect({ path: file }), {
    onSuccess: ({ socket }) => {
      socket.destroy()
      return Effect.fail(new Error(inUse))
    },
    onFailure: (error) =>
      error.code !== "ECONNREFUSED" && error.code !== "ENOENT"
        ? Effect.fail(error)
        : Effect.mapError(tried(() => remove(file, identityOf(found))), (error) =>
          new Error(`what a killed process has left there cannot be removed: ${errorText(error)}`))
  })
}

/** The kernel takes one byte more than it does of a path that others use. */
const longestFolder = longestPath + 1 - "/.empXXXXXX/s".length

/** A folder beside a file, which nobody else may enter. */
const makeBeside = (file: string): string => {
  const beside = path.dirname(file)
  const bytes = Buffer.byteLength(beside)
  if (bytes > longestFolder) {
    throw new Error(`the path of its folder has ${bytes} bytes: ${longestFolder} are the most where a socket is made`)
  }
  return fs.mkdtempSync(path.join(beside, ".emp"))
}

/**
 * Makes the socket in a folder that nobody else may enter, and gives it its name when its mode is set: what is asked for by that name is
 * never open to others, and of two who want it one gets it.
 */
const openAt = (file: string, accept: (socket: net.Socket) => void): Effect.Effect<net.Server, Refused> =>
  Effect.acquireUseRelease(
    tried(() => makeBeside(file)),
    (folder) => {
      const first = path.join(folder, "s")
      return Effect.tap(openServer({ path: first }, accept), (server) =>
        tried(() => {
          fs.chmodSync(first, 0o600)
          fs.linkSync(first, file)
        }).pipe(Effect.tapError(() => Effect.sync(() => server.close()))))
    },
    (folder) => Effect.ignore(tried(() => fs.rmSync(folder, { recursive: true, force: true })))
  )

/** The address of another machine is as good as any, but not to listen on. */
const cannotListen = ({ detail, peer, reason }: LinkError): LinkError =>
  new LinkError({ reason: reason === "connect_failed" ? "listen_failed" : reason, peer, detail })

const listen: Carrier["listen"] = (bind, accept, _host, moved = () => {}) =>
  Effect.flatMap(Effect.mapError(read(bind), cannotListen), ({ path: file }) => {
    const open = Effect.map(
      openAt(file, (socket) => accept(new SocketWire(accepted(socket), formatUnix({ host: undefined, path: file })))),
      (server): Opened => ({ server, found: lookAt(file) })
    )
    const first = Effect.andThen(Effect.flatten(tried(() => clear(file))), open)
    const opened = Effect.mapError(listening(file, first, open), (error) =>
      new LinkError({
        reason: "listen_failed",
        peer: bind,
        detail: error.code === "EEXIST" ? inUse : errorText(error)
      }))
    return Effect.andThen(opened, told(file, moved))
  })

/** So often it is looked whether the file is still there, and what the machine is called. */
const lookEveryMillis = 2000

const always = (look: Effect.Effect<unknown>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(lookEveryMillis), look))))

/** The address for others, which is another one when the machine gets another name: they compare it with their own. */
const told = (
  file: string,
  moved: (addresses: ReadonlyArray<string>) => void
): Effect.Effect<ReadonlyArray<string>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const now = (): string => formatUnix({ host: os.hostname(), path: file })
    const first = now()
    let known = first
    yield* always(Effect.sync(() => {
      if (now() === known) return
      known = now()
      moved([known])
    }))
    return [first]
  })

/** A server, and the file by which it is found. */
interface Opened {
  readonly server: net.Server
  readonly found: fs.BigIntStats | undefined
}

/**
 * Until the scope closes, which takes the file away, if it still is that of this server, and this process still may. When somebody
 * else has taken it away, as those do who tidy up `/tmp`, there is another one: nobody could find the node any more.
 */
const listening = (
  file: string,
  first: Effect.Effect<Opened, Refused>,
  again: Effect.Effect<Opened, Refused>
): Effect.Effect<void, Refused, Scope.Scope> =>
  Effect.gen(function*() {
    let current: Opened | undefined = undefined
    const take = (opened: Opened): void => {
      current?.server.close()
      current = opened
    }
    const close = ({ found, server }: Opened): void => {
      server.close()
      if (found !== undefined) remove(file, identityOf(found))
    }
    yield* Effect.acquireRelease(
      Effect.map(first, take),
      () => Effect.ignore(tried(() => current && close(current))),
      { interruptible: true }
    )
    const isGone = Effect.orElseSucceed(tried(() => lookAt(file) === undefined), () => false)
    const look = Effect.when(Effect.uninterruptible(Effect.map(again, take)), isGone)
    yield* always(Effect.ignore(look))
  })

/** Unix sockets, as `Transport.layerUnix` provides them. */
export const unixCarrier: Carrier = {
  schemes: [unixScheme],
  wrong: wrongUnix,
  listen,
  resolve: (address) => Effect.as(read(address), [address]),
  dial
}

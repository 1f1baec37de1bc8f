/** Servers of NATS as tests want them: started, killed, stopped and started again by pid, on a port of their own. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createConnection } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import * as Transport from "../src/Transport.ts"
import { freePort } from "./freePort.ts"

/** Whether there is a server on this machine. */
export const hasNats = spawnSync("nats-server", ["--version"]).error === undefined

/** A title that says when a test is not run. */
export const ifNats = (title: string): string => hasNats ? title : `${title}: NOT RUN, there is no nats-server`

/** Much longer than even a busy machine needs. */
const mostTries = 1500

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1")
    const answer = (is: boolean) => () => {
      socket.destroy()
      resolve(is)
    }
    // It says who it is as soon as it is ready.
    socket.once("data", answer(true)).once("error", answer(false)).once("close", answer(false))
  })

export class NatsServer implements AsyncDisposable {
  readonly port: number
  private readonly folder = mkdtempSync(join(tmpdir(), "effect-mp-nats-"))
  private readonly config = join(this.folder, "server.conf")
  private child: ChildProcess | undefined = undefined

  private constructor(port: number, config: string) {
    this.port = port
    writeFileSync(this.config, `listen: "127.0.0.1:${port}"\n${config}\n`)
  }

  /** Starts one with more of a configuration. */
  static async start(config = "", port?: number): Promise<NatsServer> {
    const server = new NatsServer(port ?? await freePort(), config)
    await server.begin()
    return server
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`
  }

  async begin(): Promise<void> {
    this.child = spawn("nats-server", ["-c", this.config], { stdio: "ignore" })
    for (let tries = 0; !await isListening(this.port); tries++) {
      if (tries === mostTries) throw new Error("the NATS server does not listen")
      await setTimeout(20)
    }
  }

  /** Changes the configuration of the server while it runs. */
  reload(config: string): void {
    writeFileSync(this.config, `listen: "127.0.0.1:${this.port}"\n${config}\n`)
    this.child?.kill("SIGHUP")
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.child?.kill(signal)
  }

  async kill(): Promise<void> {
    const { child } = this
    if (child === undefined) return
    const ended = new Promise((resolve) => child.once("exit", resolve))
    this.child = undefined
    child.kill("SIGKILL")
    await ended
  }

  /** For one that lasts as long as this process: it ends with it, however that ends. */
  endWithProcess(): void {
    const end = `read -r _; kill -9 "$0"; rm -r "$1"`
    const guard = spawn("sh", ["-c", end, `${this.child?.pid}`, this.folder], { stdio: ["pipe", "ignore", "ignore"] })
    guard.unref()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

let shared: Promise<NatsServer> | undefined

/** One server for all tests of this process that do nothing to it. */
export const sharedNats = (): Promise<NatsServer> => {
  shared ??= NatsServer.start().then((server) => {
    server.endWithProcess()
    return server
  })
  return shared
}

let lastNetwork = 0

/** Transport over NATS on a network of its own, of the server that tests share. */
export const layerOwnNats: Layer.Layer<Transport.Transport, Transport.LinkError> = Layer.unwrap(
  Effect.map(
    Effect.promise(sharedNats),
    ({ url }) => Transport.layerNats({ servers: url, network: `${process.pid}-${++lastNetwork}` })
  )
)

/**
 * The lives of the chaos's nodes, as whoever harms them has them: each runs `worker.ts`, in a process or in a thread, is told by lines
 * what comes next, and says words on its standard output.
 */
import { spawn } from "node:child_process"
import type { Readable, Writable } from "node:stream"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import type { WorkerOptions } from "./worker.ts"

const module = new URL("worker.ts", import.meta.url)

/** How long an order may take. */
const orderLimit = 60_000

/** What the promise answers, or `undefined` when that takes too long. Leaves no timer behind, which would hold up the end. */
export const inTime = async <A>(promise: Promise<A>): Promise<A | undefined> => {
  let timer: NodeJS.Timeout | undefined
  const tooLong = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), orderLimit)
  })
  return await Promise.race([promise, tooLong]).finally(() => clearTimeout(timer))
}

/** How a life is started, and what can be done to it but to tell it something. */
interface Body {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly ended: Promise<void>
  /** At once, whatever it does. */
  readonly kill: () => void
  /** It stands still, and does not know it. */
  readonly stop: () => void
  readonly goOn: () => void
}

export class Life {
  readonly name: string
  readonly ended: Promise<void>
  hasEnded = false
  private readonly body: Body
  private output = ""
  private look: () => void = () => {}

  constructor(name: string, body: Body) {
    this.name = name
    this.body = body
    body.stdin.on("error", () => {})
    body.stdout.on("data", (chunk: Buffer) => {
      this.output += chunk.toString()
      this.look()
    })
    this.ended = body.ended.then(() => {
      this.hasEnded = true
    })
  }
  /** Waits until it has said a word; answers false if it takes too long, or ends before. */
  async says(word: string): Promise<boolean> {
    const said = new Promise<boolean>((resolve) => {
      this.look = () => {
        if (this.output.includes(`${word}\n`)) resolve(true)
      }
      this.look()
    })
    return await inTime(Promise.race([said, this.ended.then(() => false)])) ?? false
  }
  order(line: string): void {
    this.body.stdin.write(`${line}\n`)
  }
  kill(): void {
    if (!this.hasEnded) this.body.kill()
  }
  stop(): void {
    this.body.stop()
  }
  goOn(): void {
    this.body.goOn()
  }
}

/** A process: SIGKILL, SIGSTOP, SIGCONT. */
export const startProcess = (options: WorkerOptions): Life => {
  const child = spawn(process.execPath, [fileURLToPath(module), JSON.stringify(options)], {
    stdio: ["pipe", "pipe", "ignore"]
  })
  return new Life(options.life, {
    stdin: child.stdin,
    stdout: child.stdout,
    ended: new Promise((resolve) => child.once("exit", () => resolve())),
    kill: () => void child.kill("SIGKILL"),
    stop: () => void child.kill("SIGSTOP"),
    goOn: () => void child.kill("SIGCONT")
  })
}

/** What a thread shares with whoever harms it: as long as it holds a 1, the thread stands still when it is told to. */
export type Brake = Int32Array<SharedArrayBuffer>

/** A thread of this process: it is terminated, and stands still between two turns of its event loop. */
export const startThread = (options: WorkerOptions): Life => {
  const brake: Brake = new Int32Array(new SharedArrayBuffer(4))
  const argv = [JSON.stringify(options)]
  const thread = new Worker(module, { argv, workerData: brake, stdin: true, stdout: true, stderr: true })
  // Without a listener what nobody catches there would end this process.
  thread.on("error", () => {})
  thread.stderr.resume()
  return new Life(options.life, {
    stdin: thread.stdin!,
    stdout: thread.stdout,
    ended: new Promise((resolve) => thread.once("exit", () => resolve())),
    kill: () => void thread.terminate(),
    stop: () => {
      Atomics.store(brake, 0, 1)
      thread.stdin!.write("stand\n")
    },
    goOn: () => {
      Atomics.store(brake, 0, 0)
      Atomics.notify(brake, 0)
    }
  })
}

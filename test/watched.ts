/**
 * Nodes under their watchdog, for tests: the service of the fixtures that says which process it runs in.
 */
import { onTestFinished } from "vitest"
import { empHere } from "./empHere.ts"
import { eventually, isAlive, type Process, startEmp } from "./processes.ts"

/** A node under its watchdog, and the process that the node is in. */
export const startWatched = async (
  args: ReadonlyArray<string> = [],
  service = "test/fixtures/services.ts#fragile",
  env: Record<string, string> = {}
) => {
  const watchdog = startEmp(
    ["run", "--bind", "127.0.0.1:*", "--node-id", "fragile", "--service", service, ...args],
    env
  )
  const worker = await nthWorker(watchdog, 0)
  const [, address = ""] = await watchdog.sees(/is ready, listening on (\S+)/)
  return { watchdog, worker, address }
}

/** The process that the nth node runs in. */
export const nthWorker = async (watchdog: Process, nth: number): Promise<number> => {
  const [all] = await watchdog.sees(new RegExp(`(?:runs in process \\d+[^]*?){${nth + 1}}`))
  const pid = Number(Array.from(all.matchAll(/runs in process (\d+)/g)).at(nth)?.[1])
  onTestFinished(() => {
    if (isAlive(pid)) process.kill(pid, "SIGKILL")
  })
  return pid
}

/** Waits until a process is gone. */
export const gone = async (pid: number): Promise<void> =>
  await eventually(`process ${pid} is gone`, () => !isAlive(pid))

/** A command to the network. */
export const talk = async (address: string, ...args: ReadonlyArray<string>) =>
  await empHere([...args, "--seed", address])

/** Answers when the node does nothing any more. Whoever told it so waits in vain. */
export const hang = async (watchdog: Process, address: string): Promise<void> => {
  startEmp(["snd", await ports(address), "hang", "--seed", address])
  await watchdog.sees(/the service hangs/)
}

/** The port of the service. */
export const ports = async (address: string) => (await talk(address, "find", "fragile")).stdout.trim()

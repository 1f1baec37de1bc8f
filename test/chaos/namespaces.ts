/**
 * Hosts on one machine: namespaces of the kernel with networks between them, and files of their own. Needs root, `ip` of iproute2, and
 * `unshare`, `nsenter` and `setpriv` of util-linux. They have no names that another run could have too, and none of them outlives the
 * test's process, however that ends.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { it, onTestFinished } from "vitest"
import { root } from "../processes.ts"

export interface Host<Network extends string = string> {
  /** The command with which a program runs on the host, whose name is that of the layout. */
  readonly run: ReadonlyArray<string>
  /** Its address in each of its networks. The interface there has the name of the network. */
  readonly addresses: Readonly<Record<Network, string>>
  readonly ip: (...args: ReadonlyArray<string>) => void
  /** Runs a command on it, and answers what that prints. */
  readonly output: (...command: ReadonlyArray<string>) => string
  /** Has programs of this host find one file in the place of another one. */
  readonly replace: (path: string, file: string) => void
}

/** Which hosts are in each network. */
type Layout<Name extends string, Network extends string> = Readonly<Record<Network, ReadonlyArray<Name>>>

export interface Hosts<Name extends string, Network extends string> {
  readonly hosts: Readonly<Record<Name, Host<Network>>>
  /** Has a foot in every network, and routes nothing between them. */
  readonly hub: Host<Network>
  readonly remove: () => void
}

/** Makes hosts and networks, or fails with the reason why that cannot be done here. */
export const makeHosts = async <Name extends string, Network extends string>(
  layout: Layout<Name, Network>
): Promise<Hosts<Name, Network>> => {
  const holders: Array<ChildProcess> = []
  const remove = (): void => holders.forEach((holder) => holder.kill("SIGKILL"))
  const make = async (name: string) => {
    const holder = await hold(name)
    holders.push(holder)
    return hostOf(holder.pid!)
  }
  try {
    const hub = await make("hub")
    const hosts = new Map<string, ReturnType<typeof hostOf>>()
    for (const [nth, [network, names]] of Object.entries<ReadonlyArray<string>>(layout).entries()) {
      const addressOf = (n: number): string => `10.213.${nth + 1}.${n}`
      hub.ip("link", "add", network, "type", "bridge")
      hub.ip("link", "set", network, "up")
      hub.ip("addr", "add", `${addressOf(254)}/24`, "dev", network)
      hub.addresses[network] = addressOf(254)
      for (const name of names) {
        const host = hosts.get(name) ?? await make(name)
        hosts.set(name, host)
        const n = Array.from(hosts.keys()).indexOf(name) + 1
        const plug = `to-${nth + 1}-${n}`
        hub.ip("link", "add", plug, "type", "veth", "peer", "name", network, "netns", String(host.pid))
        hub.ip("link", "set", plug, "master", network, "up")
        host.ip("addr", "add", `${addressOf(n)}/24`, "dev", network)
        host.ip("link", "set", network, "up")
        host.addresses[network] = addressOf(n)
      }
    }
    // The layout has named them all.
    const all = { hosts: Object.fromEntries(hosts), hub } as unknown as Omit<Hosts<Name, Network>, "remove">
    return { ...all, remove }
  } catch (error) {
    remove()
    throw error
  }
}

/** Namespaces last as long as somebody is in them. This is `cat`, which ends with the process that it reads from. */
const hold = async (name: string): Promise<ChildProcess> => {
  const begin = `hostname ${name} && ip link set lo up && echo made && exec cat`
  const holder = spawn("unshare", ["--net", "--mount", "--uts", "sh", "-c", begin])
  let said = ""
  holder.stderr.on("data", (chunk: Buffer) => said += chunk.toString())
  await new Promise<void>((resolve, reject) => {
    holder.once("error", reject)
    holder.once("close", () => reject(new Error(said.trim())))
    holder.stdout.once("data", () => resolve())
  })
  return holder
}

const hostOf = (pid: number) => {
  const addresses: Record<string, string> = {}
  const inside = ["nsenter", "--target", String(pid), "--net", "--mount", "--uts", "env", `--chdir=${root}`]
  const output = (...command: ReadonlyArray<string>): string =>
    execFileSync(inside[0]!, [...inside.slice(1), ...command], { stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" })
  return {
    pid,
    run: [...inside, "setpriv", "--pdeathsig", "KILL"],
    addresses,
    output,
    ip: (...args: ReadonlyArray<string>) => void output("ip", ...args),
    replace: (path: string, file: string) => void output("mount", "--bind", file, path)
  }
}

/** Why there cannot be any hosts here, if so. */
const refusal = await makeHosts({ net: ["a", "b"] }).then(
  ({ remove }) => remove(),
  (error: unknown) => error instanceof Error ? error.message.trim() : String(error)
)

/** A test on hosts of its own. Where the machine does not permit that it is not run, and says so. */
export const onHosts = <const Name extends string, const Network extends string>(
  title: string,
  layout: Layout<Name, Network>,
  body: (hosts: Readonly<Record<Name, Host<Network>>>, hub: Host<Network>) => Promise<void>
): void =>
  it.skipIf(refusal !== undefined)(
    refusal === undefined ? title : `${title}: NOT RUN, this machine does not permit it (${refusal})`,
    async () => {
      const { hosts, hub, remove } = await makeHosts(layout)
      onTestFinished(remove)
      await body(hosts, hub)
    }
  )

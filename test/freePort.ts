import { randomInt } from "node:crypto"
import { type AddressInfo, createServer } from "node:net"

/** Whether somebody could listen there; answers the port. */
const tryPort = (port: number): Promise<number | undefined> =>
  new Promise((resolve) => {
    const server = createServer().once("error", () => resolve(undefined)).listen(port, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })

/** A port of this machine where nobody listens yet. */
export const freePort = async (): Promise<number> => await tryPort(0) ?? freePort()

/** The first of so many in a row; of those that the system itself gives to nobody. */
export const freePorts = async (count: number): Promise<number> => {
  const first = randomInt(20_000, 32_000)
  const all = await Promise.all(Array.from({ length: count }, (_, n) => tryPort(first + n)))
  return all.includes(undefined) ? freePorts(count) : first
}

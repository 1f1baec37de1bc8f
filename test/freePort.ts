import { randomInt } from "node:crypto"
import { createServer } from "node:net"

/** Whether somebody could listen there. */
const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer().once("error", () => resolve(false)).listen(port, "127.0.0.1", () => {
      server.close(() => resolve(true))
    })
  })

/** The first of so many in a row; of those that the system itself gives to nobody. */
export const freePorts = async (count: number): Promise<number> => {
  const first = randomInt(20_000, 32_000)
  const all = await Promise.all(Array.from({ length: count }, (_, n) => isFree(first + n)))
  return all.includes(false) ? freePorts(count) : first
}

/** A port where nobody listens yet. One that the system chose could become that of somebody's connection before it is used. */
export const freePort = (): Promise<number> => freePorts(1)

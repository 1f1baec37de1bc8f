/**
 * Addresses of nodes on a NATS server: `nats:NODE`, and `nats:` to listen by the ID of the node itself.
 *
 * @internal
 */
import { escape, schemeOf, unescape } from "../../values/address.ts"

export const natsScheme = "nats"

/** What would be read as the port of a host, such as `nats:7`, is written with an escape. */
export const formatNats = (name: string): string => {
  const address = `${natsScheme}:${escape(name)}`
  if (name === "" || schemeOf(address) === natsScheme) return address
  return `${natsScheme}:%${name.charCodeAt(0).toString(16).padStart(2, "0")}${escape(name.slice(1))}`
}

/** The name in an address: empty where the node that listens gives its own ID. */
export const parseNats = (address: string): string | undefined => unescape(/^nats:(.*)$/iu.exec(address)?.[1] ?? "%")

/** What is wrong with an address of the scheme; `undefined` if nothing is. */
export const wrongNats = (address: string): string | undefined =>
  parseNats(address) === undefined
    ? `${JSON.stringify(address)} is not of the form nats:NODE: a % is written %25`
    : undefined

const network = /^[A-Za-z0-9_-]{1,64}$/

/** Whether a text may name a network: it stands in the subjects. */
export const isNatsNetwork = (text: string): boolean => network.test(text)

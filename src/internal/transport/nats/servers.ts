/**
 * Servers of NATS, as they are named: `nats://host:4222`, with who logs in to it before the host.
 *
 * @internal
 */

const form = /^(?:(nats|tls):\/\/)?(?:([^@/]*)@)?((?:\[[^\]@/]+\]|[^\s@/:,[\]]+)(?::\d{1,5})?)\/?$/i

export interface NatsServer {
  readonly isSecure: boolean
  /** A user and a password, or a token, or nobody. */
  readonly login: ReadonlyArray<string>
  readonly host: string
}

export const readServer = (text: string): NatsServer | undefined => {
  const [, scheme, login, host] = form.exec(text.trim()) ?? []
  if (host === undefined) return undefined
  try {
    return { isSecure: scheme?.toLowerCase() === "tls", login: login?.split(":").map(decodeURIComponent) ?? [], host }
  } catch {
    return undefined
  }
}

export const isNatsServer = (text: string): boolean => readServer(text) !== undefined

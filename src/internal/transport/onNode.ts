/**
 * What of transports needs Node: `#transports` is this file, or `inBrowser.ts`.
 *
 * @internal
 */
export { tcpCarrier } from "./tcp.ts"
export { threadCarrier } from "./threads.ts"
export { readCredentials } from "./tls.ts"
export { unixCarrier } from "./unix.ts"
export { webSocketCarrier } from "./webSocket/carrier.ts"

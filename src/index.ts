/**
 * Message passing for Effect.
 *
 * @since 0.1.0
 */
export * as Global from "./Global.ts"
export * as Node from "./Node.ts"
export * as Port from "./Port.ts"
export * as Registry from "./Registry.ts"
export * as Supervisor from "./Supervisor.ts"
export * as Transport from "./Transport.ts"

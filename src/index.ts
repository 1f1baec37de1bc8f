/**
 * Message passing for Effect: ports that send each other messages, in one process or in many.
 *
 * - `Port` makes ports, sends to them, calls and monitors them. Begin here.
 * - `Node` is the process that ports live in, alone or in a network.
 * - `Transport` is what nodes are connected by: TCP, or a network in memory.
 * - `Global` lets nodes find each other, and ports by name.
 * - `Supervisor` starts again what has failed.
 *
 * Three more modules are imported by their own names: `effect-mp/Rpc` for typed services, `effect-mp/TestNetwork` for tests,
 * `effect-mp/Cli` for programs that have the command line in them.
 *
 * @since 0.1.0
 */
export * as Global from "./Global.ts"
export * as Node from "./Node.ts"
export * as Port from "./Port.ts"
export * as Supervisor from "./Supervisor.ts"
export * as Transport from "./Transport.ts"

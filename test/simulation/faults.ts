/**
 * What is done to a run, and how it is undone.
 */
import type { Router } from "../../src/internal/node/router.ts"
import type { Fault } from "./plan.ts"
import type { Process } from "./process.ts"
import type { World } from "./world.ts"

/** Undoes a fault. */
type Undo = () => void

/** What was done, for the summary and the trace. */
export interface Done {
  readonly what: string
  readonly undo: Undo | undefined
}

/** Does it, if it can be done now. */
export const inflict = (world: World, fault: Fault): Done | undefined => {
  switch (fault.kind) {
    case "cut":
    case "hold":
    case "slow":
    case "reset":
    case "collide": {
      const from = world.live(fault.from)
      const to = world.live(fault.to)
      return from === undefined || to === undefined ? undefined : between(world, fault, from, to)
    }
    default: {
      const process = world.live(fault.node)
      return process === undefined || !process.isLive || process.isStalled ? undefined : to(world, fault, process)
    }
  }
}

const between = (
  world: World,
  fault: Extract<Fault, { readonly from: number }>,
  one: Process,
  other: Process
): Done => {
  const { life: from, node: a } = one
  const { life: to, node: b } = other
  const there = { from, to }
  const back = { from: to, to: from }
  const { network } = world
  const arrow = fault.kind === "cut" && fault.both ? "<->" : "->"
  const what = `${fault.kind} ${from} ${arrow} ${to}`
  world.emit({ _tag: "Fault", what, nodes: [a.id, b.id] })
  switch (fault.kind) {
    case "cut": {
      const routes = fault.both ? [there, back] : [there]
      for (const route of routes) network.cut(route)
      return {
        what,
        undo: () => {
          routes.forEach((route) => network.heal(route))
          // Where a process was, its machine says now that its connections are gone.
          if ([one, other].some(({ state }) => state === "stopped")) routes.forEach((route) => network.reset(route))
        }
      }
    }
    case "hold":
      network.hold(there)
      return { what, undo: () => network.release(there) }
    case "slow":
      network.shape(there, fault.shape)
      return { what, undo: () => network.shape(there, world.plan.shape) }
    case "reset":
      network.reset(there, fault.afterBytes)
      return { what, undo: undefined }
    case "collide":
      network.reset(there)
      network.reset(back)
      // Later than the news that the old connections are gone.
      world.later(fault.at + 2, () => {
        dial(one.router, b.id)
        dial(other.router, a.id)
      })
      return { what, undo: undefined }
  }
}

/** Has a node say something, which takes a connection. */
const dial = (router: Router | undefined, nodeId: string): void => router?.request(nodeId, "devnull")

const to = (world: World, fault: Exclude<Fault, { readonly from: number }>, process: Process): Done => {
  const { life, node: { id } } = process
  const { network } = world
  const what = `${fault.kind} ${life}${fault.kind === "crash" && fault.silently ? " silently" : ""}`
  world.emit({ _tag: "Fault", what, nodes: [id] })
  switch (fault.kind) {
    case "isolate": {
      const routes = [{ from: life, to: "*" }, { from: "*", to: life }]
      for (const route of routes) network.cut(route)
      return {
        what,
        undo: () => {
          routes.forEach((route) => network.heal(route))
          if (process.state === "stopped") routes.forEach((route) => network.reset(route))
        }
      }
    }
    case "crash":
      world.crash(process, fault.silently)
      return { what, undo: fault.forGood ? undefined : () => world.start(fault.node) }
    case "stop":
      for (const other of world.core) other.workload?.asks?.rush(id)
      process.stop()
      return { what, undo: fault.forGood ? undefined : () => world.startAfter(fault.node, process) }
    case "twin": {
      const twin = world.start(fault.node, true)
      return { what, undo: () => twin.stop() }
    }
    case "stall":
      process.stall()
      network.pause(life)
      return {
        what,
        undo: () => {
          // Either may come first: what was to be read, or what was to be done at a time.
          if (fault.readsFirst) network.resume(life)
          process.goOn()
          if (!fault.readsFirst) network.resume(life)
        }
      }
    case "jump":
      process.clock.wallOffset += fault.by
      return { what, undo: undefined }
  }
}

/** How long until a fault is undone. */
export const lasts = (fault: Fault): number => "lasts" in fault ? fault.lasts : 0

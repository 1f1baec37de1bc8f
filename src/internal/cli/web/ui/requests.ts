/**
 * What the pages ask for beside the stream of events, and what went wrong in words.
 *
 * @internal
 */
import { useEffect, useRef, useState } from "preact/hooks"
import type { About, Action, Clusters, Families, Family, History, NodeDetails, PortSort, Supervisors } from "../api.ts"
import { useVisible } from "./visibility.ts"

/** Longer than any node is waited for. */
const patienceMillis = 30_000

const request = async (path: string, options: RequestInit): Promise<Response> => {
  try {
    return await fetch(path, { ...options, signal: AbortSignal.timeout(patienceMillis) })
  } catch {
    throw new Error("emp web does not answer: it has ended, or the network between it and this browser fails")
  }
}

/** The server says what is wrong; where it cannot, the status has to do. */
const problemOf = async (response: Response): Promise<string> => {
  if (response.status === 401) {
    return "this browser has no permission any more: open the address that emp web has printed"
  }
  const text = await response.text()
  try {
    const told: { readonly problem?: unknown } = JSON.parse(text)
    if (typeof told.problem === "string") return told.problem
  } catch {
    // No JSON: the text itself says it.
  }
  return text === "" ? `emp web answered with status ${response.status}` : `emp web answered: ${text.slice(0, 200)}`
}

const json = async <A>(path: string, options: RequestInit = {}): Promise<A> => {
  const response = await request(path, options)
  if (!response.ok) throw new Error(await problemOf(response))
  return await response.json()
}

const query = (path: string, values: Readonly<Record<string, string | undefined>>): string => {
  const given = Object.entries(values).flatMap(([name, value]) => value === undefined ? [] : [[name, value]])
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`
}

export const loadAbout = () => json<typeof About.Type>("/api/about")
export const loadNode = (id: string, sort: PortSort) => json<NodeDetails>(query("/api/node", { id, sort }))
export const loadSupervisors = () => json<Supervisors>("/api/supervisors")
export const loadClusters = () => json<Clusters>("/api/clusters")
export const loadFamilies = () => json<Families>("/api/families")
export const loadFamily = (name: string) => json<Family>(query("/api/family", { name }))
export const loadHistory = (node: string | undefined) => json<History>(query("/api/history", { node }))

export const act = (action: Action) =>
  json<{ readonly done: string }>("/api/act", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(action)
  })

export const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

export interface Loaded<A> {
  /** What came last, though the request after it may have failed. */
  readonly value: A | undefined
  readonly problem: string | undefined
}

/**
 * Asks, and asks again that long after each answer, for as long as the page can be seen. `key` says what is asked for: with another
 * one what is known is forgotten.
 */
export const useLoaded = <A>(key: string, load: () => Promise<A>, everyMillis: number): Loaded<A> => {
  const [state, setState] = useState<Loaded<A> & { readonly key: string }>({
    key,
    value: undefined,
    problem: undefined
  })
  const isVisible = useVisible()
  const latest = useRef(load)
  latest.current = load
  useEffect(() => {
    if (!isVisible) return
    let isOver = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const ask = async (): Promise<void> => {
      const next = await latest.current().then(
        (value) => () => ({ key, value, problem: undefined }),
        (error: unknown) => (before: Loaded<A> & { readonly key: string }) => ({
          key,
          value: before.key === key ? before.value : undefined,
          problem: messageOf(error)
        })
      )
      if (isOver) return
      setState(next)
      timer = setTimeout(() => void ask(), everyMillis)
    }
    void ask()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [key, isVisible])
  return state.key === key ? state : { value: undefined, problem: undefined }
}

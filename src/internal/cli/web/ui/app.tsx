/**
 * What stands around every page: where one can go, how it is with the connection, light or dark.
 *
 * @internal
 */
import type { ComponentChildren } from "preact"
import { useEffect, useRef, useState } from "preact/hooks"
import { ChartsPage } from "./chartsPage.tsx"
import { ClusterPage } from "./clusterPage.tsx"
import { Dialog } from "./dialog.tsx"
import { visible } from "./format.ts"
import { GroupsPage } from "./groupsPage.tsx"
import { connect, connection } from "./live.ts"
import { MeshPage } from "./meshPage.tsx"
import { NodePage } from "./nodePage.tsx"
import { loadAbout, useLoaded } from "./requests.ts"
import { href, pages, type Route, routeOf, titles } from "./routes.ts"
import { useStore } from "./store.ts"
import { SupervisorsPage } from "./supervisorsPage.tsx"
import { Text } from "./text.tsx"
import { ThemeChoice } from "./theme.tsx"
import { TimelinePage } from "./timelinePage.tsx"

const useRoute = (): Route => {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const look = (): void => setHash(location.hash)
    addEventListener("hashchange", look)
    return () => removeEventListener("hashchange", look)
  }, [])
  return routeOf(hash)
}

const pageOf = (route: Route, allowsActions: boolean): ComponentChildren => {
  switch (route.page) {
    case "mesh":
      return <MeshPage />
    case "node":
      return <NodePage key={route.nodeId} nodeId={route.nodeId} allowsActions={allowsActions} />
    case "supervisors":
      return <SupervisorsPage />
    case "cluster":
      return <ClusterPage />
    case "groups":
      return <GroupsPage />
    case "timeline":
      return <TimelinePage />
    case "charts":
      return <ChartsPage nodeId={route.nodeId} />
  }
}

const titleOf = (route: Route): string =>
  route.page === "node" ? visible(route.nodeId.slice(0, 60)) || "(empty)" : titles[route.page]

/** It hardly changes: it is asked for again for the case that another emp web has come to the same address. */
const aboutMillis = 60_000

export const App = () => {
  const route = useRoute()
  const about = useLoaded("about", loadAbout, aboutMillis).value
  const heading = useRef<HTMLHeadingElement>(null)
  const isFirst = useRef(true)
  const place = JSON.stringify(route)
  useEffect(() => {
    document.title = `${titleOf(route)} – emp web`
    // Who came here by a link begins to read here; the first page begins at its top.
    if (!isFirst.current) heading.current?.focus()
    isFirst.current = false
  }, [place])
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), heading.current?.focus())}>
        Skip to the content
      </a>
      <header>
        <b class="brand">emp web</b>
        <nav aria-label="Pages">
          {pages.map((page) => (
            <a key={page} href={href(page)} {...page === route.page ? { "aria-current": "page" as const } : {}}>
              {titles[page]}
            </a>
          ))}
        </nav>
        <ConnectionState />
        <ThemeChoice />
      </header>
      <main id="main">
        <h1 ref={heading} tabIndex={-1}>
          {route.page === "node" ? <Text text={route.nodeId} most={60} /> : titles[route.page]}
        </h1>
        {pageOf(route, about?.allowsActions === true)}
      </main>
      <footer>
        {about === undefined ? null : (
          <>
            effect-mp {about.version}, by node <Text text={about.nodeId} /> · {about.allowsActions
              ? "actions are allowed"
              : "nothing can be changed from here: emp web --allow-actions would allow it"}
          </>
        )}
      </footer>
      <Dialog />
    </>
  )
}

const ConnectionState = () => {
  const state = useStore(connection, (value) => value)
  return (
    <p class={`connection is-${state.state}`} role="status">
      {state.state === "live" ? <>● live</> : null}
      {state.state === "connecting" ? <>◌ connecting</> : null}
      {state.state === "paused" ? <>‖ paused</> : null}
      {state.state === "lost"
        ? (
          <>
            ✕ lost: {visible(state.problem)}. Trying again after {state.retrySeconds} s.{" "}
            <button type="button" onClick={connect}>Now</button>
          </>
        )
        : null}
    </p>
  )
}

/**
 * The picture of the mesh: links on a canvas, and nodes above it, each a link to its page. By keyboard it is one stop: arrow keys go
 * from node to node, and Enter to the page of one.
 *
 * @internal
 */
import { useEffect, useMemo, useRef, useState } from "preact/hooks"
import type { NodeSummary, Picture } from "../api.ts"
import { cut } from "./format.ts"
import { type Frame, frameOf, gap, mostLetters } from "./meshFrame.ts"
import { type Place, placesOf } from "./meshLayout.ts"
import { draw, drawingOf, mostCalm } from "./meshLinks.ts"
import { nodeHref } from "./routes.ts"
import { State } from "./state.tsx"
import { Text } from "./text.tsx"
import { useColours } from "./theme.tsx"
import { type Grade, gradeOfNode, grades, gradeSigns, isDraining, signs } from "./trouble.ts"

/** Those places are new only when there are other nodes, or others that they hang on. */
const usePlaces = (picture: Picture): ReadonlyMap<string, Place> => {
  const nodes = Array.from(picture.nodes.values(), ({ id, isGlobal, master }) => ({
    id,
    isGlobal: isGlobal === true,
    master: master ?? undefined
  }))
  const key = JSON.stringify(nodes.map(({ id, isGlobal, master }) => [id, isGlobal, master]))
  return useMemo(() => new Map(placesOf(nodes).map((place) => [place.id, place])), [key])
}

/** The element that is measured, and how wide it is. */
const useWidth = () => {
  const element = useRef<HTMLCanvasElement>(null)
  const [width, setWidth] = useState(0)
  useEffect(() => {
    const { current } = element
    if (current === null) return
    const observer = new ResizeObserver(() => setWidth(current.clientWidth))
    observer.observe(current)
    return () => observer.disconnect()
  }, [])
  return { element, width }
}

const weightOf = (node: NodeSummary): number => node.state === "up" ? grades.indexOf(gradeOfNode(node)) : grades.length

/** Which node is pointed at after a key, of those in the order in which they stand around. */
const pointedAfter = (key: string, ids: ReadonlyArray<string>, pointed: string | undefined): string | undefined => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[key]
  if (step === undefined) return undefined
  return ids.at((ids.indexOf(pointed ?? "") + step) % ids.length)
}

export const MeshPicture = ({ picture }: { readonly picture: Picture }) => {
  const [pointed, setPointed] = useState<string>()
  const { element, width } = useWidth()
  const places = usePlaces(picture)
  const frame = useMemo(() => frameOf(Array.from(places.keys()), width), [places, width])
  const drawing = useMemo(() => drawingOf(picture.links, pointed), [picture.links, pointed])
  const colours = useColours()
  useEffect(() => {
    const canvas = element.current
    if (canvas === null || width === 0) return
    canvas.width = canvas.height = Math.round(width * devicePixelRatio)
    draw(canvas, drawing, places, frame)
  }, [drawing.key, frame, colours])
  const around = new Set(drawing.links.flatMap(({ isPointed, link }) => isPointed ? [link.a, link.b] : []))
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Enter" && pointed !== undefined) location.hash = nodeHref(pointed)
    const next = pointedAfter(event.key, Array.from(places.keys()), pointed)
    if (next === undefined) return
    event.preventDefault()
    setPointed(next)
  }
  return (
    <div class={pointed === undefined ? "mesh" : "mesh has-pointed"}>
      <canvas ref={element} aria-hidden="true" />
      <Caption node={pointed === undefined ? undefined : picture.nodes.get(pointed)} />
      <svg
        viewBox={`0 0 ${frame.size} ${frame.size}`}
        role="group"
        aria-label="Nodes: arrow keys go from one to the next, and the table tells the same"
        tabIndex={0}
        onKeyDown={onKeyDown}
        onBlur={() => setPointed(undefined)}
      >
        {/* Those in trouble are drawn last, above the others. */}
        {Array.from(picture.nodes.values()).toSorted((one, other) => weightOf(one) - weightOf(other)).map((node) => {
          const place = places.get(node.id)
          return place === undefined ? null : (
            <MeshNode
              key={node.id}
              state={node.state}
              grade={gradeOfNode(node)}
              isDraining={isDraining(node)}
              place={place}
              frame={frame}
              isNear={around.has(node.id) || node.id === pointed}
              isPointed={node.id === pointed}
              onPointed={setPointed}
            />
          )
        })}
      </svg>
      <Note links={picture.links.size} />
    </div>
  )
}

/** What is said of the node that one points at. */
const Caption = ({ node }: { readonly node: NodeSummary | undefined }) => (
  <p class="mesh-caption" aria-live="polite">
    {node === undefined ? null : (
      <>
        <b>
          <Text text={node.id} most={60} />
        </b>{" "}
        <State node={node} />
      </>
    )}
  </p>
)

const Note = ({ links }: { readonly links: number }) =>
  links > mostCalm
    ? <p class="note">{links} links: those without trouble are drawn for the node that you point at.</p>
    : null

interface NodeProperties {
  readonly state: NodeSummary["state"]
  readonly grade: Grade
  readonly isDraining: boolean
  readonly place: Place
  readonly frame: Frame
  readonly isNear: boolean
  readonly isPointed: boolean
  readonly onPointed: (id: string | undefined) => void
}

const MeshNode = (properties: NodeProperties) => {
  const { frame, grade, isDraining, isNear, isPointed, onPointed, place, state } = properties
  const { x, y } = frame.pointOf(place)
  const isUp = state === "up"
  const classes = ["mesh-node", isUp ? `grade-${grade}` : `state-${state}`, isNear ? "is-near" : ""].join(" ")
  const isNamed = frame.hasNames && (isPointed || !isUp || frame.areNamed)
  return (
    <a
      href={nodeHref(place.id)}
      class={classes}
      tabIndex={-1}
      onPointerEnter={() => onPointed(place.id)}
      onPointerLeave={() => onPointed(undefined)}
    >
      <circle class="target" cx={x} cy={y} r={Math.max(10, frame.signSize * 0.8)} />
      <text class="sign" x={x} y={y} font-size={isUp ? frame.signSize : Math.max(frame.signSize, 24)}>
        {isDraining ? "◇" : isUp ? gradeSigns[grade] : signs[state]}
      </text>
      {isNamed ? <Name place={place} frame={frame} isPointed={isPointed} /> : null}
    </a>
  )
}

/** Below the sign, or outwards from it, and never upside down. */
const Name = ({ frame, isPointed, place }: Pick<NodeProperties, "frame" | "isPointed" | "place">) => {
  const { x, y } = frame.pointOf(place)
  const isLeft = Math.cos(place.angle) < -1e-9
  const degrees = place.angle * 180 / Math.PI + (isLeft ? 180 : 0)
  const { head, tail } = cut(place.id, mostLetters)
  const below = `translate(${x} ${y + frame.signSize / 2 + frame.letterSize})`
  return (
    <text
      class={isPointed ? "name is-pointed" : "name"}
      font-size={frame.letterSize}
      transform={frame.areBelow
        ? below
        : `translate(${x} ${y}) rotate(${degrees}) translate(${isLeft ? -gap : gap} 0)`}
      text-anchor={frame.areBelow ? "middle" : isLeft ? "end" : "start"}
    >
      {head === "" ? "(empty)" : tail === "" ? head : `${head}…${tail}`}
    </text>
  )
}

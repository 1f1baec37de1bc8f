/**
 * The picture of the mesh: links on a canvas, for there may be twenty thousand of them, and nodes as links of the page above it.
 *
 * @internal
 */
import { useEffect, useMemo, useRef, useState } from "preact/hooks"
import type { LinkSummary, NodeSummary, Picture } from "../api.ts"
import { cut } from "./format.ts"
import { type Place, placesOf } from "./meshLayout.ts"
import { nodeHref } from "./routes.ts"
import { State } from "./state.tsx"
import { Text } from "./text.tsx"
import { useColours } from "./theme.tsx"
import { type Grade, gradeOfLink, gradeOfNode, grades, gradeSigns, signs } from "./trouble.ts"

/** The picture is a square of so many units; names stand around the ring. */
const size = 1000
const middle = size / 2
const radius = 345

/** Longer names would leave the picture at its sides. */
const mostLetters = 14

/** With more links than that, those without trouble are drawn only for the node that one points at. */
const mostCalm = 3000

const pointOf = ({ x, y }: Place) => ({ x: middle + x * radius, y: middle + y * radius })

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

interface Drawn {
  readonly link: LinkSummary
  readonly grade: Grade
  readonly isPointed: boolean
}

/** Bent towards the middle, so that links of neighbours do not lie on the ring. */
const trace = (pen: CanvasRenderingContext2D, from: Place, to: Place): void => {
  const [a, b] = [pointOf(from), pointOf(to)]
  // The nearer they are, the less: neighbours are linked along the ring.
  const pull = 1 - 0.7 * Math.min(1, Math.hypot(a.x - b.x, a.y - b.y) / (2 * radius))
  pen.moveTo(a.x, a.y)
  pen.quadraticCurveTo(
    middle + ((a.x + b.x) / 2 - middle) * pull,
    middle + ((a.y + b.y) / 2 - middle) * pull,
    b.x,
    b.y
  )
}

const draw = (canvas: HTMLCanvasElement, drawn: ReadonlyArray<Drawn>, places: ReadonlyMap<string, Place>): void => {
  const pen = canvas.getContext("2d")
  if (pen === null) return
  const style = getComputedStyle(canvas)
  const scale = canvas.width / size
  pen.setTransform(scale, 0, 0, scale, 0, 0)
  pen.clearRect(0, 0, size, size)
  const isCrowded = drawn.length > 400
  for (const isPointed of [false, true]) {
    for (const grade of grades) {
      pen.beginPath()
      for (const { link, ...own } of drawn) {
        const [from, to] = [places.get(link.a), places.get(link.b)]
        if (own.grade === grade && own.isPointed === isPointed && from && to) trace(pen, from, to)
      }
      const isCalm = grade === "good" || grade === "unknown"
      pen.strokeStyle = style.getPropertyValue(`--${grade}`)
      pen.globalAlpha = isPointed ? 1 : isCalm ? isCrowded ? 0.25 : 0.55 : 0.9
      pen.lineWidth = (isPointed ? 2 : 1) * (isCalm ? 1.5 : 3)
      pen.setLineDash(grade === "slow" ? [10, 6] : grade === "bad" ? [3, 5] : [])
      pen.stroke()
    }
  }
}

/** Which links are drawn, and a text that changes when the picture does. */
const chosen = (links: Picture["links"], pointed: string | undefined) => {
  const isCrowded = links.size > mostCalm
  let key = `${pointed ?? ""}\n`
  const drawn: Array<Drawn> = []
  for (const link of links.values()) {
    const grade = gradeOfLink(link)
    const isPointed = link.a === pointed || link.b === pointed
    if (isCrowded && !isPointed && (grade === "good" || grade === "unknown")) continue
    drawn.push({ link, grade, isPointed })
    key += `${link.a}\n${link.b}\n${grade}\n`
  }
  return { drawn, key }
}

export const MeshPicture = ({ picture }: { readonly picture: Picture }) => {
  const [pointed, setPointed] = useState<string>()
  const [width, setWidth] = useState(0)
  const canvas = useRef<HTMLCanvasElement>(null)
  const places = usePlaces(picture)
  const { drawn, key } = useMemo(() => chosen(picture.links, pointed), [picture.links, pointed])
  const colours = useColours()
  useEffect(() => {
    const element = canvas.current
    if (element === null) return
    const observer = new ResizeObserver(() => setWidth(element.clientWidth))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  useEffect(() => {
    const element = canvas.current
    if (element === null || width === 0) return
    element.width = element.height = Math.round(width * devicePixelRatio)
    draw(element, drawn, places)
  }, [key, places, width, colours])
  // Those in trouble are drawn last, above the others.
  const all = Array.from(picture.nodes.values()).toSorted((one, other) => weightOf(one) - weightOf(other))
  const signSize = Math.max(12, Math.min(28, 2 * Math.PI * radius / all.length * 1.35))
  const pointedNode = pointed === undefined ? undefined : picture.nodes.get(pointed)
  const around = new Set(drawn.flatMap(({ isPointed, link }) => isPointed ? [link.a, link.b] : []))
  return (
    <div class={pointed === undefined ? "mesh" : "mesh has-pointed"}>
      <canvas ref={canvas} aria-hidden="true" />
      {pointedNode === undefined ? null : (
        <p class="mesh-caption">
          <b>
            <Text text={pointedNode.id} most={60} />
          </b>{" "}
          <State node={pointedNode} />
        </p>
      )}
      <svg viewBox={`0 0 ${size} ${size}`} role="group" aria-label="Nodes; the table tells the same">
        {all.map((node) => {
          const place = places.get(node.id)
          return place === undefined ? null : (
            <MeshNode
              key={node.id}
              state={node.state}
              grade={gradeOfNode(node)}
              isDraining={node.isDraining === true}
              place={place}
              isNear={around.has(node.id) || node.id === pointed}
              isPointed={node.id === pointed}
              isNamed={isNamed(node, place, all.length, width)}
              signSize={signSize}
              onPointed={setPointed}
            />
          )
        })}
      </svg>
      {picture.links.size > mostCalm
        ? (
          <p class="note">
            {picture.links.size} links: those without trouble are drawn for the node that you point at.
          </p>
        )
        : null}
    </div>
  )
}

/** Names stand around the ring where there is room for them; else only those that are not up have theirs, and the node that one points at. */
const isNamed = ({ state }: NodeSummary, { isInner }: Place, count: number, width: number): boolean =>
  width > 480 && (state !== "up" || (isInner ? count < 60 : 2 * Math.PI * radius / count * width / size > 9))

const weightOf = (node: NodeSummary): number => node.state === "up" ? grades.indexOf(gradeOfNode(node)) : grades.length

interface NodeProperties {
  readonly state: NodeSummary["state"]
  readonly grade: Grade
  readonly isDraining: boolean
  readonly place: Place
  readonly isNear: boolean
  readonly isPointed: boolean
  readonly isNamed: boolean
  readonly signSize: number
  readonly onPointed: (id: string | undefined) => void
}

const MeshNode = (
  { grade, isDraining, isNamed, isNear, isPointed, onPointed, place, signSize, state }: NodeProperties
) => {
  const { x, y } = pointOf(place)
  const isLeft = Math.cos(place.angle) < -1e-9
  const degrees = place.angle * 180 / Math.PI + (isLeft ? 180 : 0)
  const { head, tail } = cut(place.id, mostLetters)
  const name = `${head}${tail === "" ? "" : `…${tail}`}` || "(empty)"
  const classes = ["mesh-node", state === "up" ? `grade-${grade}` : `state-${state}`, isNear ? "is-near" : ""].join(" ")
  return (
    <a
      href={nodeHref(place.id)}
      class={classes}
      aria-label={`${name}: ${isDraining ? "draining" : state}`}
      onPointerEnter={() => onPointed(place.id)}
      onPointerLeave={() => onPointed(undefined)}
      onFocus={() => onPointed(place.id)}
      onBlur={() => onPointed(undefined)}
    >
      <circle class="target" cx={x} cy={y} r={Math.max(10, signSize * 0.8)} />
      <text class="sign" x={x} y={y} font-size={state === "up" ? signSize : Math.max(signSize, 22)}>
        {isDraining ? "◇" : state === "up" ? gradeSigns[grade] : signs[state]}
      </text>
      {isNamed || isPointed ?
        (
          <text
            class={isPointed ? "name is-pointed" : "name"}
            transform={`translate(${x} ${y}) rotate(${degrees}) translate(${isLeft ? -16 : 16} 0)`}
            text-anchor={isLeft ? "end" : "start"}
          >
            {name}
          </text>
        ) :
        null}
    </a>
  )
}

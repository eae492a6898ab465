// The canvas: what `toGraph` says, drawn. It has no state of its own but the view; with `readOnly` it shows a run.
import "@xyflow/react/dist/style.css";
import { ActionIcon, Tooltip, useComputedColorScheme } from "@mantine/core";
import { IconFocusCentered, IconMinus, IconPlus } from "@tabler/icons-react";
import { Background, type Edge, MiniMap, ReactFlow, ReactFlowProvider, useReactFlow, useStore } from "@xyflow/react";
import { type ReactNode, useEffect, useImperativeHandle, useMemo, useRef, type Ref } from "react";
import { type Graph, toGraph } from "../model/graph";
import { texts } from "../texts";
import classes from "./canvas.module.css";
import { type CanvasContext, CanvasContextProvider } from "./context";
import { type CanvasNode, NODE_TYPES } from "./nodes";
import { sameNode, shared } from "./sharing";

export type CanvasView = { fit: () => void; zoom: (by: number) => void; show: (nodeId: string) => void };

type Optional = "dragging" | "selected" | "problems" | "statuses" | "formName" | "details" | "taken";

export type WorkflowCanvasProps = Omit<CanvasContext, Optional> & Partial<Pick<CanvasContext, Optional>> & { view?: Ref<CanvasView>; minimap?: boolean; controls?: boolean; label?: string; children?: ReactNode; onBackground?: () => void };

const NOTHING: ReadonlySet<string> = new Set();
const NO_PROBLEMS: ReadonlyMap<string, number> = new Map();
const NO_STATUSES = {};
const NO_DETAILS = {};
/** From so many nodes on only those in view are drawn. */
const MANY = 150;
const LARGEST = 1;
/** How far above a node the lines to it turn. */
const TURN = 14;

const inSmall = (color: string) => (node: { type?: string }) => (node.type === "frame" || node.type === "gap" ? "transparent" : color);
// The same functions each time, or all of the small nodes would be drawn anew.
const lightInSmall = inSmall("#adb5bd");
const darkInSmall = inSmall("#5a6673");

function Inner({ view, minimap = true, controls = true, label, children, onBackground, ...canvas }: WorkflowCanvasProps) {
  const flow = useReactFlow();
  const scheme = useComputedColorScheme("light");
  const drawn = useRef<Graph>(undefined);
  const graph = useMemo((): Graph => {
    const next = toGraph(canvas.definition);
    drawn.current = { ...next, nodes: shared(drawn.current?.nodes ?? [], next.nodes, sameNode) };
    return drawn.current;
  }, [canvas.definition]);
  const width = useStore((store) => store.width);
  const height = useStore((store) => store.height);
  const box = useRef<HTMLDivElement>(null);

  const { taken } = canvas;

  const made = useRef(new Map<string, CanvasNode>());
  const nodes = useMemo<CanvasNode[]>(() => {
    const before = made.current;
    const list = graph.nodes.map((node): CanvasNode => {
      const old = before.get(node.id);
      if (old?.data.node === node) return old;
      return {
        id: node.id,
        type: node.kind,
        position: { x: node.x, y: node.y },
        width: node.width,
        height: node.height,
        data: { node },
        draggable: false,
        selectable: false,
        focusable: false,
        connectable: false,
        zIndex: node.kind === "frame" ? -1 : 1,
        style: { pointerEvents: node.kind === "frame" ? "none" : "all" },
      };
    });
    made.current = new Map(list.map((node) => [node.id, node]));
    return list;
  }, [graph]);
  const joined = useRef<Edge[]>([]);
  const edges = useMemo<Edge[]>(() => {
    const bottoms = new Map(graph.nodes.map((node) => [node.id, node.y + node.height]));
    const tops = new Map(graph.nodes.map((node) => [node.id, node.y]));
    const list = graph.edges.map(({ id, from, to }): Edge => {
      // Lines that come together turn just before they meet, all at one height.
      const distance = (tops.get(to) ?? 0) - (bottoms.get(from) ?? 0);
      const pathOptions = { borderRadius: 12, offset: 0, stepPosition: distance > 2 * TURN ? 1 - TURN / distance : 0.5 };
      return { id, source: from, target: to, type: "smoothstep", focusable: false, selectable: false, pathOptions, ...(taken && { className: taken.has(from) && taken.has(to) ? classes.taken : classes.passedBy }) } as Edge;
    });
    joined.current = shared(joined.current, list, (one, other) => JSON.stringify(one) === JSON.stringify(other));
    return joined.current;
  }, [graph, taken]);

  // The first view: all of it when it fits, else its top at a size that can be read.
  const start = (): void => {
    const scale = Math.min(LARGEST, (width - 48) / graph.width, (height - 48) / graph.height);
    if (scale >= 0.6 || graph.width > width) {
      const zoom = Math.max(scale, Math.min(0.6, (width - 32) / 300));
      void flow.setViewport({ x: width / 2 - (graph.width / 2) * zoom, y: 24, zoom });
    } else void flow.setViewport({ x: width / 2 - (graph.width / 2) * 0.85, y: 24, zoom: 0.85 });
  };
  // A panel that opens or closes at the side takes the middle with it: what was in view stays there.
  const before = useRef(0);
  useEffect(() => {
    const moved = before.current === 0 || width === 0 ? 0 : (width - before.current) / 2;
    if (width > 0) before.current = width;
    if (moved === 0) return;
    const { x, y, zoom } = flow.getViewport();
    void flow.setViewport({ x: x + moved, y, zoom });
  }, [flow, width]);
  const started = useRef(false);
  useEffect(() => {
    if (started.current || width === 0) return;
    started.current = true;
    start();
  });

  useImperativeHandle(
    view,
    (): CanvasView => ({
      fit: () => void flow.fitView({ padding: 0.12, maxZoom: LARGEST, duration: 200 }),
      zoom: (by) => void flow.zoomTo(flow.getZoom() * by, { duration: 120 }),
      show: (nodeId) => {
        const node = graph.nodes.find(({ id }) => id === nodeId);
        if (!node) return;
        const { x, y, zoom } = flow.getViewport();
        const left = node.x * zoom + x;
        const top = node.y * zoom + y;
        const inside = left > 16 && top > 16 && left + node.width * zoom < width - 16 && top + node.height * zoom < height - 16;
        if (!inside) void flow.setCenter(node.x + node.width / 2, node.y + node.height / 2, { zoom, duration: 160 });
      },
    }),
    [flow, graph, width, height],
  );

  const { selected = NOTHING, problems = NO_PROBLEMS, statuses = NO_STATUSES, details = NO_DETAILS, dragging = false, formName } = canvas;
  const context: CanvasContext = { ...canvas, selected, problems, statuses, details, taken, dragging, formName };

  return (
    <CanvasContextProvider value={context}>
      <div className={classes.canvas} ref={box} data-canvas {...(label && { role: "group", "aria-label": label })}>
        <ReactFlow<CanvasNode>
          nodes={nodes}
          edges={edges}
          nodeTypes={NODE_TYPES}
          colorMode={scheme}
          minZoom={0.15}
          maxZoom={1.6}
          nodesDraggable={false}
          nodesConnectable={false}
          nodesFocusable={false}
          edgesFocusable={false}
          elementsSelectable={false}
          disableKeyboardA11y
          panOnScroll={!canvas.readOnly}
          zoomOnScroll={!canvas.readOnly}
          preventScrolling={!canvas.readOnly}
          zoomOnDoubleClick={false}
          deleteKeyCode={null}
          selectionKeyCode={null}
          panActivationKeyCode={null}
          multiSelectionKeyCode={null}
          onlyRenderVisibleElements={nodes.length > MANY}
          onPaneClick={() => onBackground?.()}
        >
          <Background gap={20} size={1} />
          {minimap && width > 560 && <MiniMap pannable zoomable ariaLabel={texts.minimap} nodeStrokeWidth={0} style={{ width: 150, height: 100 }} nodeColor={scheme === "dark" ? darkInSmall : lightInSmall} />}
        </ReactFlow>
        {controls && <div className={classes.controls}>
          <Tooltip label={texts.zoomOut}>
            <ActionIcon variant="subtle" color="gray" aria-label={texts.zoomOut} onClick={() => void flow.zoomOut({ duration: 120 })}>
              <IconMinus size={16} />
            </ActionIcon>
          </Tooltip>
          <Tooltip label={texts.zoomIn}>
            <ActionIcon variant="subtle" color="gray" aria-label={texts.zoomIn} onClick={() => void flow.zoomIn({ duration: 120 })}>
              <IconPlus size={16} />
            </ActionIcon>
          </Tooltip>
          <Tooltip label={texts.fit}>
            <ActionIcon variant="subtle" color="gray" aria-label={texts.fit} onClick={() => void flow.fitView({ padding: 0.12, maxZoom: LARGEST, duration: 200 })}>
              <IconFocusCentered size={16} />
            </ActionIcon>
          </Tooltip>
        </div>}
        {children}
      </div>
    </CanvasContextProvider>
  );
}

export function WorkflowCanvas(props: WorkflowCanvasProps) {
  return (
    <ReactFlowProvider>
      <Inner {...props} />
    </ReactFlowProvider>
  );
}

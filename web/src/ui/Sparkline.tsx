type Point = { good: number; bad: number };

const WIDTH = 96;
const HEIGHT = 22;

/** Days as small bars, what failed in red at the foot. The words beside it say the same for those who do not see it. */
export function Sparkline({ points, label }: { points: Point[]; label: string }) {
  const most = Math.max(1, ...points.map(({ good, bad }) => good + bad));
  const pitch = WIDTH / Math.max(points.length, 1);
  const height = (count: number) => (count === 0 ? 0 : Math.max(1.5, (count / most) * HEIGHT));
  return (
    <svg width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label} style={{ display: "block" }}>
      <line x1={0} x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} stroke="var(--app-line)" />
      {points.map(({ good, bad }, index) => {
        const [low, high] = [height(bad), height(good + bad)];
        return (
          <g key={index}>
            <rect x={index * pitch + 0.5} y={HEIGHT - high} width={pitch - 1} height={Math.max(0, high - low)} fill="var(--mantine-color-sea-6)" />
            <rect x={index * pitch + 0.5} y={HEIGHT - low} width={pitch - 1} height={low} fill="#d6453d" />
          </g>
        );
      })}
    </svg>
  );
}

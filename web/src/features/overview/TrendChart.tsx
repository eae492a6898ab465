import { Bar, BarChart, CartesianGrid, Legend, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import type { Day } from "./period";
import { texts } from "./texts";

const short = (date: string) => new Date(`${date}T00:00:00Z`).toLocaleDateString(undefined, { day: "numeric", month: "short", timeZone: "UTC" });

/** By itself, so that the chart library is loaded only with it. A press on a day opens its list. */
export default function TrendChart({ days, open }: { days: Day[]; open: (date: string) => void }) {
  const axis = { fontSize: 12, fill: "var(--mantine-color-dimmed)" };
  return (
    <ResponsiveContainer width="100%" height={240}>
      <BarChart data={days} margin={{ top: 8, right: 4, bottom: 0, left: -18 }} accessibilityLayer={false} onClick={(state) => { if (typeof state.activeLabel === "string") open(state.activeLabel); }} style={{ cursor: "pointer" }}>
        <CartesianGrid vertical={false} stroke="var(--app-line)" />
        <XAxis dataKey="date" tickFormatter={short} tick={axis} tickLine={false} axisLine={false} minTickGap={28} />
        <YAxis allowDecimals={false} tick={axis} tickLine={false} axisLine={false} />
        <Tooltip
          labelFormatter={(label) => short(String(label))} cursor={{ fill: "var(--mantine-color-default-hover)" }} isAnimationActive={false}
          contentStyle={{ background: "var(--mantine-color-body)", border: "1px solid var(--app-line)", borderRadius: 8, fontSize: 13 }} itemStyle={{ color: "var(--mantine-color-text)" }}
        />
        <Legend iconType="circle" iconSize={8} formatter={(name: string) => <span style={{ color: "var(--mantine-color-text)", fontSize: 13 }}>{name}</span>} />
        <Bar dataKey="completed" name={texts.series.completed} stackId="day" fill="#1f8a9e" isAnimationActive={false} />
        <Bar dataKey="failed" name={texts.series.failed} stackId="day" fill="#d6453d" isAnimationActive={false} />
        <Bar dataKey="unmatched" name={texts.series.unmatched} stackId="day" fill="#97a3b0" radius={[3, 3, 0, 0]} isAnimationActive={false} />
      </BarChart>
    </ResponsiveContainer>
  );
}

import { useIntersection } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { api, takeData } from "../../api/client";
import { Sparkline } from "../../ui/Sparkline";
import { texts } from "./texts";

const DAYS = 14;

/** A workflow's last two weeks; asked for when its row comes into view, so that a long list asks for little. */
export function Trend({ workflowId }: { workflowId: number }) {
  const { ref, entry } = useIntersection({ rootMargin: "80px" });
  const start = new Date(Date.now() - (DAYS - 1) * 86_400_000).toISOString().slice(0, 10);
  const query = useQuery({
    queryKey: ["trend", workflowId, start],
    enabled: entry?.isIntersecting === true,
    staleTime: 300_000,
    queryFn: () => takeData(api.GET("/api/workflow-executions/stats/overview", { params: { query: { workflowId, startDate: start } } })),
  });
  const known = new Map(query.data?.dailyTrend.map((day) => [day.date, day]));
  const points = Array.from({ length: DAYS }, (_, index) => {
    const day = known.get(new Date(new Date(`${start}T00:00:00Z`).getTime() + index * 86_400_000).toISOString().slice(0, 10));
    return { good: Math.max(0, (day?.completed ?? 0) - (day?.unmatched ?? 0)), bad: day?.failed ?? 0 };
  });
  const sum = (kind: "good" | "bad") => points.reduce((total, point) => total + point[kind], 0);
  return <div ref={ref} style={{ minHeight: 22 }}>{query.data && <Sparkline points={points} label={texts.trend(sum("good"), sum("bad"), DAYS)} />}</div>;
}

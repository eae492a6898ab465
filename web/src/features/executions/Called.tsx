import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, type Schema, takeData } from "../../api/client";
import { ExecutionStatusChip } from "../../ui/executionStatus";
import classes from "./executions.module.css";
import { texts } from "./texts";

type Branch = Schema<"ExecutionBranch">;

const words = texts.detail;

/** The runs that this one's steps have called, and those in turn, whatever has become of them. */
export function Called({ executionId }: { executionId: number }) {
  const tree = useQuery({ queryKey: ["executions", "tree", executionId], queryFn: () => takeData(api.GET("/api/workflow-executions/{id}/tree", { params: { path: { id: executionId } } })) });
  if (!tree.data || tree.data.children.length === 0) return null;
  return (
    <section className={`panel ${classes["called"] ?? ""}`} aria-label={words.children}>
      <Text size="sm" fw={600} mb={6}>{words.children}</Text>
      <Branches of={tree.data.children} />
    </section>
  );
}

function Branches({ of }: { of: Branch[] }) {
  return (
    <ul className={classes["branches"]}>
      {of.map((branch) => (
        <li key={branch.id}>
          <span className={classes["branch"]}>
            <Link to="/executions/$executionId" params={{ executionId: String(branch.id) }}>{branch.workflow_name} <span className="numbers">#{branch.id}</span></Link>
            <ExecutionStatusChip status={branch.status} />
            {branch.step_path && <Text span size="xs" c="dimmed">{words.byStep(branch.step_path)}</Text>}
          </span>
          {branch.children.length > 0 && <Branches of={branch.children} />}
        </li>
      ))}
    </ul>
  );
}

// The builder as a page of the app: the workflow of the address, as high as the window lets it be.
import { ActionIcon } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import { Link, useParams } from "@tanstack/react-router";
import { BuilderScreen } from "./BuilderScreen";
import classes from "./builder.module.css";
import { texts } from "./texts";

export function BuilderPage() {
  const { workflowId } = useParams({ strict: false });
  const back = (
    <ActionIcon component={Link} to="/workflows" variant="subtle" color="gray" aria-label={texts.back}>
      <IconArrowLeft size={18} />
    </ActionIcon>
  );
  return (
    <div className={classes.page}>
      <BuilderScreen workflowId={Number(workflowId)} back={back} />
    </div>
  );
}

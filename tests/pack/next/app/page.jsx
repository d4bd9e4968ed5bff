// A server component: it may import the package, and connect() runs in the browser.
import { version } from "premium-recorder";
import { Recording } from "./recording.jsx";

export const dynamic = "force-dynamic";

export default function Page() {
  return <Recording version={version} />;
}

import { connect } from "premium-recorder";
import { screenMonitoring } from "premium-recorder/contracts";
import { given, record, show } from "./app.js";

show(record(connect, given()).then((outcome) => ({ ...outcome, contract: screenMonitoring.start.method })));

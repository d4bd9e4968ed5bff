import { connect } from "premium-recorder";
import { given, record, show } from "./app.js";

show(record(connect, given()));

// A fault at every moment of the model's agent, of which the layer laws tries a third.

import "./whole.ts";
import "../laws/faults_test.ts";

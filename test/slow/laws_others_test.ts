// All tries of the laws of which the layer laws makes a third.

import "./whole.ts";
import "../laws/convergence_test.ts";
import "../laws/failover_test.ts";
import "../laws/fuzz_test.ts";
import "../laws/rotation_test.ts";

// The host's generators as sources of a guest's entropy.

import HostSupport
import Hypervisor

extension HostEntropy: EntropySource {}

extension SeededEntropy: EntropySource {}

package server

import "runtime/metrics"

// liveHeap is what the process's last garbage collection found in use, in bytes.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0 // a runtime that does not tell
	}
	return sample[0].Value.Uint64()
}

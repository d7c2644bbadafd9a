// cAdvisor's own command is not available as a Go module; its library is. This serves the same
// metrics under the same flags, as far as observability/compose.yaml sets them.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	_ "github.com/google/cadvisor/container/docker/install"
	"github.com/google/cadvisor/lib/cache/memory"
	"github.com/google/cadvisor/lib/container"
	"github.com/google/cadvisor/lib/manager"
	"github.com/google/cadvisor/lib/metrics"
	"github.com/google/cadvisor/lib/model"
	"github.com/google/cadvisor/lib/utils/sysfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/utils/clock"
)

// What `cadvisor --version` says; set by the build from go.mod.
var version = "unknown"

func main() {
	port := flag.Int("port", 8080, "port to listen on")
	enabled := flag.String("enable_metrics", "cpu,memory,network,oom_event", "metrics to collect")
	storeLabels := flag.Bool("store_container_labels", true, "all container labels as metric labels")
	labels := flag.String("whitelisted_container_labels", "", "these only, by commas")
	showVersion := flag.Bool("version", false, "print the version")
	flag.Parse()
	if *showVersion {
		fmt.Printf("cAdvisor version %s\n", version)
		return
	}

	included := container.MetricSet{}
	for _, name := range strings.Split(*enabled, ",") {
		included[container.MetricKind(name)] = struct{}{}
	}
	maxInterval, dynamic := 60*time.Second, true
	containers, err := manager.New(
		memory.New(2*time.Minute, nil), sysfs.NewRealSysFs(),
		manager.HousekeepingConfig{Interval: &maxInterval, AllowDynamic: &dynamic},
		included, []string{"/"}, nil, "", 0,
	)
	if err != nil {
		log.Fatalf("cannot watch containers: %v", err)
	}
	if err := containers.Start(); err != nil {
		log.Fatalf("cannot start watching: %v", err)
	}

	labelsOf := metrics.DefaultContainerLabels
	if !*storeLabels {
		labelsOf = metrics.BaseContainerLabels(strings.Split(*labels, ","))
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		metrics.NewPrometheusCollector(containers, labelsOf, included, clock.RealClock{},
			model.RequestOptions{IdType: model.TypeName, Count: 1, Recursive: true}),
		metrics.NewPrometheusMachineCollector(containers, included),
	)
	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError,
	}))
	http.HandleFunc("/healthz", func(answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(answer, "ok")
	})
	log.SetOutput(os.Stderr)
	log.Fatal(http.ListenAndServe(fmt.Sprintf(":%d", *port), nil))
}

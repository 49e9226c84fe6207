// SPDX-License-Identifier: Apache-2.0
// Driver for River. Roles and the line protocol are described in ../../README.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

type noopArgs struct {
	N int     `json:"n,omitempty"`
	T float64 `json:"t,omitempty"` // wall clock of the enqueue call, in ms; 0 in drain runs
}

func (noopArgs) Kind() string { return "noop" }

type noopWorker struct {
	river.WorkerDefaults[noopArgs]
	first   sync.Once
	mu      sync.Mutex
	latency [][2]float64
}

func (w *noopWorker) Work(_ context.Context, job *river.Job[noopArgs]) error {
	w.first.Do(func() { say(map[string]any{"ev": "first"}) })
	if t := job.Args.T; t > 0 {
		now := wallMs()
		w.mu.Lock()
		w.latency = append(w.latency, [2]float64{t, now - t})
		w.mu.Unlock()
	}
	return nil
}

var sayMu sync.Mutex

func say(v any) {
	line, _ := json.Marshal(v)
	sayMu.Lock()
	defer sayMu.Unlock()
	fmt.Printf("%s\n", line)
}

func wallMs() float64 { return float64(time.Now().UnixNano()) / 1e6 }

func envInt(name string, fallback int) int {
	if v, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return v
	}
	return fallback
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "river driver:", err)
		os.Exit(1)
	}
}

func openPool(ctx context.Context) *pgxpool.Pool {
	config := must(pgxpool.ParseConfig(os.Getenv("DATABASE_URL")))
	if n := envInt("RIVER_POOL", 0); n > 0 {
		config.MaxConns = int32(n)
	}
	return must(pgxpool.NewWithConfig(ctx, config))
}

func inserter(pool *pgxpool.Pool) *river.Client[pgx.Tx] {
	return must(river.NewClient(riverpgxv5.New(pool), &river.Config{Logger: quiet()}))
}

func quiet() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
}

func setup(ctx context.Context) {
	migrator := must(rivermigrate.New(riverpgxv5.New(openPool(ctx)), &rivermigrate.Config{Logger: quiet()}))
	must(migrator.Migrate(ctx, rivermigrate.DirectionUp, nil))
}

func enqueue(ctx context.Context, n int) {
	slice := envInt("RIVER_SLICE", 10_000)
	pool := openPool(ctx)
	check(pool.Ping(ctx))
	client := inserter(pool)
	start := time.Now()
	for at := 0; at < n; at += slice {
		batch := make([]river.InsertManyParams, 0, slice)
		for i := at; i < min(at+slice, n); i++ {
			batch = append(batch, river.InsertManyParams{Args: noopArgs{N: i + 1}})
		}
		must(client.InsertManyFast(ctx, batch))
	}
	say(map[string]any{"ev": "enqueued", "n": n, "s": time.Since(start).Seconds()})
}

func trickle(ctx context.Context, n, rate int) {
	pool := openPool(ctx)
	check(pool.Ping(ctx))
	client := inserter(pool)
	tick := time.NewTicker(time.Second / time.Duration(rate))
	for range n {
		<-tick.C
		must(client.Insert(ctx, noopArgs{T: wallMs()}, nil))
	}
	say(map[string]any{"ev": "trickled", "n": n})
}

// workConfig: "tuned" has the values that River's own `river bench` uses,
// "default" the client's defaults with the 100 workers of the quick start.
func workConfig(workers *river.Workers) *river.Config {
	config := &river.Config{Logger: quiet(), Workers: workers}
	if os.Getenv("PEER_PROFILE") == "default" {
		config.Queues = map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 100}}
		return config
	}
	config.FetchCooldown = time.Duration(envInt("RIVER_COOLDOWN_MS", 2)) * time.Millisecond
	config.FetchPollInterval = time.Duration(envInt("RIVER_POLL_MS", 20)) * time.Millisecond
	config.Queues = map[string]river.QueueConfig{
		river.QueueDefault: {MaxWorkers: envInt("RIVER_WORKERS", 2_000)},
	}
	return config
}

// reportCompleted says the running count at most every 2 ms, and nothing while idle.
func reportCompleted(events <-chan *river.Event) {
	var n int64
	var due <-chan time.Time
	for {
		select {
		case event, open := <-events:
			if !open {
				return
			}
			if event.Kind == river.EventKindJobCompleted {
				n++
			}
			if due == nil {
				due = time.After(2 * time.Millisecond)
			}
		case <-due:
			due = nil
			say(map[string]any{"ev": "count", "n": n})
		}
	}
}

func work(ctx context.Context) {
	say(map[string]any{"ev": "loaded", "counts": "committed", "runtime": runtime.Version()})
	lines := bufio.NewScanner(os.Stdin)
	lines.Scan() // "go"

	worker := &noopWorker{}
	workers := river.NewWorkers()
	river.AddWorker(workers, worker)
	client := must(river.NewClient(riverpgxv5.New(openPool(ctx)), workConfig(workers)))

	// Events are sent after the completer's batch has committed.
	events, cancel := client.SubscribeConfig(&river.SubscribeConfig{
		ChanSize: 500_000,
		Kinds:    []river.EventKind{river.EventKindJobCompleted, river.EventKindJobFailed},
	})
	defer cancel()
	go reportCompleted(events)

	check(client.Start(ctx))
	say(map[string]any{"ev": "ready"})
	lines.Scan() // "stop" or end of file
	worker.mu.Lock()
	say(map[string]any{"ev": "latency", "ms": worker.latency})
	worker.mu.Unlock()
	check(client.Stop(ctx))
}

func main() {
	ctx := context.Background()
	arg := func(i int) int { return must(strconv.Atoi(os.Args[i])) }
	switch os.Args[1] {
	case "setup":
		setup(ctx)
	case "enqueue":
		enqueue(ctx, arg(2))
	case "trickle":
		trickle(ctx, arg(2), arg(3))
	case "work":
		work(ctx)
	}
}

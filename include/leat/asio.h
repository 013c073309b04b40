// Handlers that are coroutines of Boost.Asio. Needs Boost 1.81 or newer, its headers alone; link leat::asio.
//
//   boost::asio::awaitable<leat::Outcome> fetch(Fetch job, leat::JobContext& context);
//
//   leat::Worker worker{*broker, {.async_jobs = 5000}};
//   leat::handle_coroutine<Fetch>(worker, io.get_executor(), fetch);
//
// One thread in io.run() holds thousands of waiting jobs. g++ 12 miscompiles some coroutines: docs/guide/coroutines.md
// has the shapes to avoid.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/system_error.hpp>
#include <boost/version.hpp>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>
#include <type_traits>
#include <utility>

#include "leat/handler.h"
#include "leat/worker.h"

#if BOOST_VERSION < 108100 || !defined(BOOST_ASIO_HAS_CO_AWAIT)
#error "leat/asio.h needs Boost 1.81 or newer and a compiler with C++20 coroutines"
#endif

namespace leat {

namespace detail {

template <class A>
inline constexpr bool kIsAwaitable = false;
template <class R>
inline constexpr bool kIsAwaitable<boost::asio::awaitable<R>> = true;

// A handler and where it runs. Lives as long as its worker, so that closures outlive their coroutines.
template <class F>
struct CoroutineHandler {
  boost::asio::any_io_executor executor;
  F handler;
  HandlerOptions options;
};

// A coroutine under way: the duty to end its job, and the way to cancel it. Used on its own executor alone, but for
// what the stop token calls. Destroyed unfinished, because its execution context is gone, the attempt has failed.
class CoroutineRun : public std::enable_shared_from_this<CoroutineRun> {
 public:
  // Borrows the options until it has finished.
  CoroutineRun(Completion completion, const boost::asio::any_io_executor& executor, const HandlerOptions& options)
      : completion_(std::move(completion)), executor_(boost::asio::make_strand(executor)), options_(options) {}
  ~CoroutineRun() { finish(Outcome::retry("the coroutine was destroyed before its end")); }

  JobContext& job() const { return completion_.job(); }
  const boost::asio::any_io_executor& executor() const { return executor_; }
  boost::asio::cancellation_slot slot() { return signal_.slot(); }

  // For the coroutine's beginning: before it listens to the slot, a signal would be lost.
  void cancel_when_stopped() {
    stopped_.emplace(job().stop_token(), [this] {
      boost::asio::post(executor_, [weak = weak_from_this()] {
        if (const auto run = weak.lock()) run->signal_.emit(boost::asio::cancellation_type::terminal);
      });
    });
  }

  // A second call does nothing.
  void finish(Outcome outcome) {
    stopped_.reset();
    completion_.finish(std::move(outcome));
  }

  template <class R>
  Outcome returned(R&& result) const {
    try {
      return to_outcome(std::forward<R>(result));
    } catch (...) {
      return thrown(std::current_exception());
    }
  }
  // on_exception is not asked about an operation that was cancelled because the job is to stop: it says nothing of it.
  Outcome thrown(const std::exception_ptr& exception) const {
    try {
      std::rethrow_exception(exception);
    } catch (const boost::system::system_error& e) {
      if (e.code() == boost::asio::error::operation_aborted && job().stop_token().stop_requested())
        return Outcome::retry(e.what());
    } catch (...) {
    }
    return what_was_thrown(exception, options_);
  }

 private:
  Completion completion_;
  const boost::asio::any_io_executor executor_;  // a strand: the coroutine and its signal exclude each other
  const HandlerOptions& options_;
  boost::asio::cancellation_signal signal_;
  std::optional<std::stop_callback<std::function<void()>>> stopped_;
};

// Begins a coroutine for a job: of a type, or of bytes.
template <class F, class... T>
void begin_coroutine(CoroutineHandler<F>& how, Completion completion, T... job) {
  const auto run = std::make_shared<CoroutineRun>(std::move(completion), how.executor, how.options);
  auto begin = [run, &handler = how.handler, ... job = std::move(job)]() mutable {
    run->cancel_when_stopped();
    if constexpr (std::is_invocable_v<F&, T..., JobContext&>) {
      return handler(std::move(job)..., run->job());
    } else {
      static_assert(std::is_invocable_v<F&, T...>, "a coroutine handler takes (T) or (T, leat::JobContext&)");
      return handler(std::move(job)...);
    }
  };
  using Returned = decltype(begin());
  static_assert(kIsAwaitable<Returned>, "a coroutine handler returns boost::asio::awaitable<R>");
  using R = typename Returned::value_type;
  const auto spawn = [&](auto end) {
    boost::asio::co_spawn(run->executor(), std::move(begin),
                          boost::asio::bind_cancellation_slot(run->slot(), std::move(end)));
  };
  if constexpr (std::is_void_v<R>) {
    spawn([run](const std::exception_ptr& exception) {
      run->finish(exception ? run->thrown(exception) : Outcome::done());
    });
  } else {
    spawn([run](const std::exception_ptr& exception, R result) {
      run->finish(exception ? run->thrown(exception) : run->returned(std::move(result)));
    });
  }
}

}  // namespace detail

// Runs jobs as coroutines `boost::asio::awaitable<R>(T)` or `boost::asio::awaitable<R>(T, JobContext&)` on `executor`,
// for example an io_context's; the job may be taken by reference, too: it lives until the coroutine ends. R is as for a
// blocking handler (nothing, an Outcome, or a default-constructible value), and so is what an exception does;
// on_exception is called on the executor.
//
// Up to WorkerOptions::async_jobs of them are under way at once. Each runs in a strand of its own, so the execution
// context may have one thread or many; the handler itself is shared by all. When the job's stop token fires, the
// coroutine gets a terminal cancellation: what it waits for ends with operation_aborted, and so does its next co_await.
// If that error leaves the coroutine, the attempt was interrupted, or took too long, as stop_reason() says.
//
// The execution context must run until the worker has stopped: stop() waits for the coroutines. One that is destroyed
// with its context, while the worker hands over no other, has failed its attempt. Before start(), as handle(). W is a
// Worker, or a TestWorker (leat/testing.h) whose while_waiting polls the context.
template <Job T, class F, class W>
W& handle_coroutine(W& worker, boost::asio::any_io_executor executor, F handler, HandlerOptions options = {}) {
  detail::CoroutineHandler<F> how{std::move(executor), std::move(handler), options};
  worker.template handle_async<T>(
      [how = std::move(how)](T job, Completion completion) mutable {
        detail::begin_coroutine(how, std::move(completion), std::move(job));
      },
      std::move(options));
  return worker;
}

// For jobs as bytes: `boost::asio::awaitable<R>(JobContext&)`.
template <class F, class W>
W& handle_coroutine(W& worker, std::string_view kind, boost::asio::any_io_executor executor, F handler,
                    HandlerOptions options = {}) {
  detail::CoroutineHandler<F> how{std::move(executor), std::move(handler), options};
  worker.handle_async(
      kind,
      [how = std::move(how)](Completion completion) mutable { detail::begin_coroutine(how, std::move(completion)); },
      std::move(options));
  return worker;
}

}  // namespace leat

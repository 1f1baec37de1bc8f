%% The workloads in Erlang, as its users write them: processes that receive tuples of a tag, an integer and a binary of 16 bytes.
%% Prints one line when it is ready, or done. Ends with its standard input.
-module(bench).
-export([main/1, counter/1, echo/1, idle/0]).

main([Workload | Args]) ->
    spawn(fun until_input_ends/0),
    case Workload of
        "partner" ->
            register(partner, self()),
            io:format("~s~n", [node()]),
            partner();
        _ ->
            io:format("~p~n", [float(measure(Workload, Args))]),
            halt(0)
    end.

until_input_ends() ->
    case io:get_line("") of
        eof -> halt(1);
        _ -> until_input_ends()
    end.

%% ---- as in workload.ts

rate(Count, Batch) -> rate(Count, Batch, fun() -> none end).

rate(Count, Batch, Prepare) ->
    batches(Count, Batch, Prepare, 700000, 0, 0),
    batches(Count, Batch, Prepare, 700000, 0, 0).

batches(_, _, _, Micros, Spent, Done) when Spent >= Micros -> Done / Spent * 1000000;
batches(Count, Batch, Prepare, Micros, Spent, Done) ->
    Prepared = Prepare(),
    Began = erlang:monotonic_time(microsecond),
    Batch(Prepared),
    Took = erlang:monotonic_time(microsecond) - Began,
    batches(Count, Batch, Prepare, Micros, Spent + Took, Done + Count).

texts() -> list_to_tuple([iolist_to_binary(["text number ", integer_to_list(N + 1000)]) || N <- lists:seq(0, 255)]).

text(N, Texts) -> element((N band 255) + 1, Texts).

%% ---- one process of the system

measure("sends", _) ->
    Texts = texts(),
    Receiver = spawn(?MODULE, counter, [0]),
    rate(100000, fun(_) -> burst(1, 100000, Receiver, Texts), ask(Receiver) end);
measure("ping_pong", _) ->
    Texts = texts(),
    Echo = spawn(?MODULE, echo, [self()]),
    rate(50000, fun(_) -> play(Echo, 1, 50000, Texts) end);
measure("lives", _) ->
    rate(20000, fun(_) -> live(20000) end);
measure("memory", _) ->
    Count = 300000,
    erlang:garbage_collect(),
    Before = erlang:memory(processes),
    Idle = [spawn(?MODULE, idle, []) || _ <- lists:seq(1, Count)],
    After = erlang:memory(processes),
    erlang:garbage_collect(),
    (After - Before - 16 * length(Idle)) / Count;
measure("notices", _) ->
    Prepare = fun() -> [spawn(?MODULE, idle, []) || _ <- lists:seq(1, 10000)] end,
    rate(10000, fun(Idle) -> [end_monitored(Pid) || Pid <- Idle], told(10000) end, Prepare);

%% ---- two of them

measure("round_trips", [Outstanding, Rounds, Node]) ->
    Texts = texts(),
    {O, R} = {list_to_integer(Outstanding), list_to_integer(Rounds)},
    Echo = ask({partner, connected(Node)}, echo),
    rate(R, fun(_) ->
        burst(1, O, Echo, ping, Texts),
        back(Echo, O, R, 0, O, Texts)
    end);
measure("payloads", [Size, Bytes, Node]) ->
    S = list_to_integer(Size),
    Payloads = [binary:copy(<<(N band 255)>>, S) || N <- lists:seq(1, list_to_integer(Bytes) div S)],
    Receiver = ask({partner, connected(Node)}, counter),
    rate(list_to_integer(Bytes) / 1.0e6, fun(_) ->
        lists:foldl(fun(Payload, N) -> Receiver ! {item, N, Payload}, N + 1 end, 0, Payloads),
        ask(Receiver)
    end).

connected(Node) ->
    true = net_kernel:connect_node(list_to_atom(Node)),
    list_to_atom(Node).

partner() ->
    receive
        {echo, From} -> From ! {self(), spawn(?MODULE, echo, [From])};
        {counter, From} -> From ! {self(), spawn(?MODULE, counter, [0])}
    end,
    partner().

ask({partner, _} = Partner, What) ->
    Partner ! {What, self()},
    receive {_, Made} -> Made end.

ask(Receiver) ->
    Receiver ! {total, self()},
    receive {total, _} -> ok end.

counter(Bytes) ->
    receive
        {item, _, Data} -> counter(Bytes + byte_size(Data));
        {total, From} -> From ! {total, Bytes}, counter(Bytes)
    end.

echo(To) ->
    receive {ping, N, Text} -> To ! {pong, N, Text}, echo(To) end.

idle() ->
    receive {item, _, _} -> idle() end.

burst(N, Last, To, Texts) -> burst(N, Last, To, item, Texts).

burst(N, Last, _, _, _) when N > Last -> ok;
burst(N, Last, To, Tag, Texts) ->
    To ! {Tag, N, text(N, Texts)},
    burst(N + 1, Last, To, Tag, Texts).

play(_, N, Last, _) when N > Last -> ok;
play(Echo, N, Last, Texts) ->
    Echo ! {ping, N, text(N, Texts)},
    receive {pong, _, _} -> play(Echo, N + 1, Last, Texts) end.

back(_, _, Rounds, Rounds, _, _) -> ok;
back(Echo, Outstanding, Rounds, Back, Sent, Texts) ->
    receive {pong, _, _} -> ok end,
    More = case Sent < Rounds of
        true -> Echo ! {ping, Sent, text(Sent, Texts)}, 1;
        false -> 0
    end,
    back(Echo, Outstanding, Rounds, Back + 1, Sent + More, Texts).

%% A process ends in its own time: the last one is asked.
live(1) ->
    {Pid, Ref} = spawn_monitor(?MODULE, idle, []),
    exit(Pid, kill),
    receive {'DOWN', Ref, process, _, _} -> ok end;
live(N) ->
    exit(spawn(?MODULE, idle, []), kill),
    live(N - 1).

end_monitored(Pid) ->
    erlang:monitor(process, Pid),
    exit(Pid, kill).

told(0) -> ok;
told(N) -> receive {'DOWN', _, process, _, _} -> told(N - 1) end.

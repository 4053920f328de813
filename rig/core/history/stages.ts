import type { SlowerStage } from '../../contracts/night.js';
import { median } from '../statistics/median.js';
import { tendsToBeGreater } from '../statistics/rank-test.js';
import type { Reader } from './database.js';

/** Told below this chance of seeing it though nothing has changed. */
export const alpha = 0.05;
/** A run is judged against so many of the same board before it. */
export const runsBefore = 40;

/**
 * Stages that took longer in a run than in those before it, with the image of the same name where it has one; by the order of
 * their times alone: a rank test over all boots.
 */
export function slowerStages(
  history: Reader,
  { run, runs = runsBefore }: { readonly run: string; readonly runs?: number },
): readonly SlowerStage[] {
  const pairs = history.all(
    `select board, stage, json_group_array(ms) as times, min(stage.started) as began
     from stage join run on run.id = stage.run where run.name = ? group by board, stage`,
    [run],
  );
  const found = pairs.map(({ board, stage, times, began }): SlowerStage => {
    const now = numbers(times);
    const before = timesBefore(history, {
      board: String(board),
      stage: String(stage),
      began: Number(began),
      run,
      runs,
    });
    const p = Math.min(1, tendsToBeGreater(now, before).p * pairs.length);
    return {
      board: String(board),
      stage: String(stage),
      medianMs: median(now),
      medianBeforeMs: median(before),
      boots: now.length,
      bootsBefore: before.length,
      p,
    };
  });
  return found.filter((stage) => stage.p < alpha).sort((a, b) => a.p - b.p);
}

function timesBefore(
  history: Reader,
  {
    board,
    stage,
    began,
    run,
    runs,
  }: {
    readonly board: string;
    readonly stage: string;
    readonly began: number;
    readonly run: string;
    readonly runs: number;
  },
): readonly number[] {
  const [row] = history.all(
    `select json_group_array(ms) as times from stage where board = ? and stage = ? and run in (
       select distinct run from stage where board = ? and stage = ? and started < ?
         and run in (select id from run where image_name is (select image_name from run where name = ?))
       order by started desc limit ?)`,
    [board, stage, board, stage, began, run, runs],
  );
  return numbers(row?.times);
}

function numbers(json: string | number | null | undefined): readonly number[] {
  return JSON.parse(typeof json === 'string' ? json : '[]') as number[];
}

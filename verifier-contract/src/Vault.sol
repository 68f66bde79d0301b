// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {
    ReentrancyGuardTransient
} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {isCanonical} from "./Fields.sol";
import {Governed} from "./Governance.sol";
import {NOTE_ASSET_AT, NOTE_VALUE_AT} from "./generated/Layouts.sol";
import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {IVault} from "./interfaces/IVault.sol";

/// @title Vault
/// @notice See `IVault`. Only `claim` and `claimFor` move assets out, and they pay only credited
/// amounts. For each asset: balance ≥ queued + inside + credited.
contract Vault is IVault, Governed, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    struct Deposit {
        uint256 packed;
        uint256 inner;
    }

    /// @inheritdoc IVault
    IAssetRegistry public immutable registry;
    /// @inheritdoc IVault
    address public immutable rollup;

    /// @inheritdoc IVault
    address public guardian;
    /// @inheritdoc IVault
    bool public depositsPaused;
    /// @inheritdoc IVault
    uint64 public depositCount;
    /// @inheritdoc IVault
    uint64 public consumedCount;

    mapping(uint256 index => Deposit) private _deposits;
    /// @inheritdoc IVault
    mapping(uint256 asset => uint256) public inside;
    /// @inheritdoc IVault
    mapping(uint256 asset => mapping(address account => uint256)) public credited;

    modifier onlyRollup() {
        if (msg.sender != rollup) revert NotRollup(msg.sender);
        _;
    }

    /// @dev The rollup creates its vault and is the caller of this constructor.
    /// @param registry_ the registry of assets
    /// @param governance the owner; a timelock, except on development chains
    /// @param guardian_ the account that may pause deposits
    constructor(IAssetRegistry registry_, address governance, address guardian_)
        Governed(governance)
    {
        if (guardian_ == address(0)) revert ZeroAddress();
        registry = registry_;
        rollup = msg.sender;
        guardian = guardian_;
        emit GuardianChanged(guardian_);
    }

    /// @inheritdoc IVault
    function deposit(uint16 asset, uint256 amount, uint256 inner)
        external
        payable
        nonReentrant
        returns (uint64 index)
    {
        if (depositsPaused) revert DepositsArePaused();
        if (!isCanonical(inner)) revert InnerNotCanonical(inner);
        uint256 received = _receive(registry.tokenOf(asset), amount);
        if (received == 0 || received > type(uint128).max) revert AmountOutOfRange(received);

        index = depositCount;
        depositCount = index + 1;
        _deposits[index] =
            Deposit((uint256(asset) << NOTE_ASSET_AT) | (received << NOTE_VALUE_AT), inner);
        emit DepositQueued(index, msg.sender, asset, uint128(received), inner);
    }

    /// @inheritdoc IVault
    function claim(uint16 asset, address to) external nonReentrant returns (uint256 amount) {
        return _claim(asset, msg.sender, to);
    }

    /// @inheritdoc IVault
    function claimFor(uint16 asset, address account)
        external
        nonReentrant
        returns (uint256 amount)
    {
        return _claim(asset, account, account);
    }

    /// @inheritdoc IVault
    function consume(uint256 count) external onlyRollup {
        uint64 first = consumedCount;
        uint256 queued = depositCount - first;
        if (count > queued) revert DepositsMissing(count, queued);
        for (uint256 i = first; i < first + count; ++i) {
            uint256 packed = _deposits[i].packed;
            inside[uint16(packed >> NOTE_ASSET_AT)] += packed >> NOTE_VALUE_AT;
        }
        consumedCount = first + uint64(count);
        emit DepositsConsumed(first, uint64(count));
    }

    /// @inheritdoc IVault
    function credit(uint16 asset, address account, uint256 amount) external onlyRollup {
        uint256 available = inside[asset];
        if (amount > available) revert TurnstileBreached(asset, amount, available);
        inside[asset] = available - amount;
        credited[asset][account] += amount;
        emit Credited(asset, account, amount);
    }

    /// @inheritdoc IVault
    function setDepositsPaused(bool paused) external {
        if (msg.sender != guardian) revert NotGuardian(msg.sender);
        depositsPaused = paused;
        emit DepositsPaused(paused);
    }

    /// @inheritdoc IVault
    function setGuardian(address newGuardian) external onlyGovernance {
        if (newGuardian == address(0)) revert ZeroAddress();
        guardian = newGuardian;
        emit GuardianChanged(newGuardian);
    }

    /// @inheritdoc IVault
    function depositAt(uint256 index) external view returns (uint256 packed, uint256 inner) {
        Deposit storage entry = _deposits[index];
        return (entry.packed, entry.inner);
    }

    /// @inheritdoc IVault
    function nextDeposits(uint256 count) external view returns (uint256[] memory words) {
        uint256 first = consumedCount;
        uint256 queued = depositCount - first;
        if (count > queued) revert DepositsMissing(count, queued);
        words = new uint256[](2 * count);
        for (uint256 i = 0; i < count; ++i) {
            Deposit storage entry = _deposits[first + i];
            words[2 * i] = entry.packed;
            words[2 * i + 1] = entry.inner;
        }
    }

    /// @dev Takes the asset from the caller. Returns the growth of the vault's balance.
    function _receive(address token, uint256 amount) private returns (uint256) {
        if (token == address(0)) {
            if (msg.value != amount) revert WrongValue(msg.value, amount);
            return amount;
        }
        if (msg.value != 0) revert WrongValue(msg.value, 0);
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        return IERC20(token).balanceOf(address(this)) - before;
    }

    /// @dev Clears the credit of `account`, then pays it to `to`. A failed payment reverts this
    /// call only.
    function _claim(uint16 asset, address account, address to) private returns (uint256 amount) {
        if (to == address(0)) revert ZeroAddress();
        // An amount that the vault paid to itself would belong to nobody.
        if (to == address(this)) revert ClaimToVault();
        amount = credited[asset][account];
        if (amount == 0) revert NothingToClaim(asset, account);
        credited[asset][account] = 0;
        emit Claimed(asset, account, to, amount);
        address token = registry.tokenOf(asset);
        if (token == address(0)) {
            Address.sendValue(payable(to), amount);
        } else {
            IERC20(token).safeTransfer(to, amount);
        }
    }
}
